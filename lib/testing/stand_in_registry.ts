// A local server that answers as npm's registry does, with the packages that node_modules holds and tarballs given to
// it: for installations that need no network.

import { execFile } from 'node:child_process';
import { readFileSync } from 'node:fs';
import type { ServerResponse } from 'node:http';
import * as path from 'node:path';
import { promisify } from 'node:util';
import { FileServer, serveBytes } from './file_server';

interface Manifest {
  name: string;
  version: string;
}

interface Published {
  manifest: Manifest;
  tarball(): Promise<Buffer>;
}

const run = promisify(execFile);

async function fromFolder(folder: string): Promise<Buffer> {
  const words = ['--create', '--exclude=./node_modules', '--transform=s,^\\.,package,', '--directory', folder, '.'];
  const { stdout } = await run('tar', ['--use-compress-program=gzip -1', ...words], {
    encoding: 'buffer',
    maxBuffer: 2 ** 28,
  });
  return stdout;
}

async function fromTarball(file: string): Promise<Published> {
  const { stdout } = await run('tar', ['--extract', '--to-stdout', '--file', file, 'package/package.json']);
  return { manifest: JSON.parse(stdout) as Manifest, tarball: () => Promise.resolve(readFileSync(file)) };
}

/** What the clone's lock file has, and node_modules holds, of the packages that users get too. */
function installedPackages(root: string): Published[] {
  const lock = JSON.parse(readFileSync(path.join(root, 'package-lock.json'), 'utf8')) as {
    packages: Record<string, { dev?: boolean }>;
  };
  return Object.entries(lock.packages).flatMap(([place, { dev }]) => {
    if (place === '' || dev === true) return [];
    try {
      const manifest = JSON.parse(readFileSync(path.join(root, place, 'package.json'), 'utf8')) as Manifest;
      return [{ manifest, tarball: () => fromFolder(path.join(root, place)) }];
    } catch {
      return []; // an optional dependency of another kind of machine
    }
  });
}

/** @param tarballs that `npm pack` made */
export async function startRegistry(root: string, tarballs: readonly string[] = []): Promise<FileServer> {
  const published = [...installedPackages(root), ...(await Promise.all(tarballs.map(fromTarball)))];
  return FileServer.start(async ({ url, headers }, response) => {
    const [name, file] = decodeURIComponent(new URL(url, 'http://registry').pathname.slice(1)).split('/-/');
    const versions = published.filter(({ manifest }) => manifest.name === name);
    if (file === undefined) return document(response, versions, `http://${headers.host}/${name}/-/`);
    const asked = versions.find(({ manifest }) => `${manifest.version}.tgz` === file);
    if (asked === undefined) return notFound(response);
    serveBytes({ method: 'GET', url, headers: {}, body: '' }, response, await asked.tarball());
  });
}

function document(response: ServerResponse, versions: readonly Published[], folder: string): void {
  if (versions.length === 0) return notFound(response);
  const { name } = versions[0]!.manifest;
  const entries = versions.map(({ manifest }) => [
    manifest.version,
    { ...manifest, dist: { tarball: `${folder}${manifest.version}.tgz` } },
  ]);
  const body = {
    name,
    'dist-tags': { latest: versions[0]!.manifest.version },
    versions: Object.fromEntries(entries) as unknown,
  };
  response.writeHead(200, { 'Content-Type': 'application/json' }).end(JSON.stringify(body));
}

function notFound(response: ServerResponse): void {
  response.writeHead(404, { 'Content-Type': 'application/json' }).end('{"error":"Not found"}');
}
