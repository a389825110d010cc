// Collects the files that scripts/pack_packages.sh packs, each package in a folder of its own.
//   node scripts/release/stage_package.cjs list                      the names of the main package's files
// node scripts/release/stage_package.cjs main FOLDER               the files of the main package, its package.json as
// users get it
// node scripts/release/stage_package.cjs platform FOLDER PACKAGE   a platform package, PACKAGE being its folder in
// packages/
//   node scripts/release/stage_package.cjs check FOLDER              whether the platform package in FOLDER is whole
'use strict';
const { execFileSync } = require('node:child_process');
const fs = require('node:fs');
const path = require('node:path');

const root = path.resolve(__dirname, '../..');
const readPackage = (folder) => JSON.parse(fs.readFileSync(path.join(folder, 'package.json'), 'utf8'));

/** The package.json of every platform package. Those with a `main` contain an engine, one for each platform. */
function platformPackages() {
  const folder = path.join(root, 'packages');
  return fs
    .readdirSync(folder)
    .filter((name) => fs.existsSync(path.join(folder, name, 'package.json')))
    .map((name) => readPackage(path.join(folder, name)));
}

/** Users get the engine through optional dependencies; entries for developers are removed. */
function publishedManifest() {
  const { scripts, devDependencies, ava, ...manifest } = readPackage(root);
  const engines = platformPackages().filter(({ main }) => main !== undefined);
  manifest.optionalDependencies = Object.fromEntries(engines.map(({ name, version }) => [name, version]).sort());
  return manifest;
}

/**
 * The files that package.json's "files" selects. dist may still contain compiled files whose source has been deleted.
 */
function mainFiles() {
  const output = execFileSync('npm', ['pack', '--dry-run', '--json', '--ignore-scripts'], {
    cwd: root,
    encoding: 'utf8',
    stdio: ['ignore', 'pipe', 'ignore'],
  });
  const parsed = JSON.parse(output);
  const [{ files }] = Array.isArray(parsed) ? parsed : Object.values(parsed);
  const compiled = /^dist\/(.*?)(\.d)?\.[jt]s$/;
  return files
    .map((file) => file.path)
    .filter((file) => {
      const source = compiled.exec(file)?.[1];
      return source === undefined || fs.existsSync(path.join(root, 'lib', `${source}.ts`));
    });
}

function stageMain(folder) {
  for (const file of mainFiles()) {
    fs.mkdirSync(path.dirname(path.join(folder, file)), { recursive: true });
    fs.copyFileSync(path.join(root, file), path.join(folder, file));
  }
  fs.writeFileSync(path.join(folder, 'package.json'), `${JSON.stringify(publishedManifest(), null, 2)}\n`);
}

function stagePlatform(folder, source) {
  fs.cpSync(path.resolve(root, source), folder, { recursive: true });
  fs.copyFileSync(path.join(root, 'LICENSE'), path.join(folder, 'LICENSE'));
  fs.copyFileSync(path.join(root, 'packages', 'THIRD_PARTY.md'), path.join(folder, 'THIRD_PARTY.md'));
  const [own, main] = [readPackage(folder), readPackage(root)];
  if (own.version !== main.version)
    throw new Error(
      `${source}/package.json has version ${own.version} and package.json ${main.version}: run node ` +
        `scripts/release/set_version.cjs ${main.version}`,
    );
}

function check(folder) {
  const { name, files } = readPackage(folder);
  for (const file of files) {
    if (!fs.existsSync(path.join(folder, file)))
      throw new Error(`${name} has no ${file}: what builds it did not write it into the folder that it was given.`);
  }
}

const [task, folder, source] = process.argv.slice(2);
try {
  if (task === 'list') console.log(mainFiles().join('\n'));
  else if (task === 'main') stageMain(folder);
  else if (task === 'platform') stagePlatform(folder, source);
  else if (task === 'check') check(folder);
  else
    throw new Error(
      'Usage: node scripts/release/stage_package.cjs list | main FOLDER | platform FOLDER PACKAGE | check FOLDER',
    );
} catch (error) {
  console.error(error.message);
  process.exitCode = 1;
}
