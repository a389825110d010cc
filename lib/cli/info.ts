// `cheems-native info`: versions, processor, threads and backends, for people or (--json) for bug reports.

import { availableParallelism, cpus, freemem, totalmem } from 'node:os';
import { engine } from '../engine/engine';
import { engineSource } from '../engine/addon';
import type { EngineSource } from '../engine/loader';
import type { EngineInfo } from '../engine/types.generated';
import { flag } from '../options/kinds';
import { formatBytes } from '../text/bytes';
import { defineCommand } from './command';
import { packageVersion } from '../support/package_version';
import { print } from './terminal';

export const infoCommand = defineCommand({
  name: 'info',
  options: {
    json: flag(false, { group: 'Options', describe: 'print JSON' }),
  },
  examples: [
    ['info', 'what this machine offers'],
    ['info --json', 'the same for programs'],
  ],
  async run({ json }) {
    const report = {
      package: packageVersion(),
      node: process.versions.node,
      platform: `${process.platform} ${process.arch}`,
      processor: cpus()[0]?.model.trim() ?? 'unknown',
      usableCores: availableParallelism(),
      totalMemory: totalmem(),
      freeMemory: freemem(),
      engine: engine.info(),
      engineSource: engineSource(),
    };
    if (json) print(`${JSON.stringify(report, null, 2)}\n`);
    else print(formatInfo(report));
  },
});

export interface Report {
  package: string;
  node: string;
  platform: string;
  processor: string;
  usableCores: number;
  totalMemory: number;
  freeMemory: number;
  engine: EngineInfo;
  engineSource: EngineSource;
}

export function formatInfo(report: Report): string {
  const { engine, engineSource } = report;
  const lines: [string, string][] = [
    ['cheems-native', report.package],
    ['engine', `${engine.version}, built by ${engine.compiler}`],
    ['engine from', `${engineSource.origin}: ${engineSource.file}`],
    ...engineSource.remarks.map((remark): [string, string] => ['', remark]),
    ['node', `${report.node}, ${report.platform}`],
    ['processor', report.processor],
    ['CPU features', engine.cpuFeatures.join(' ') || 'none that the engine uses'],
    ['SIMD', engine.simdTarget],
    ['threads', `${engine.numThreads} (${report.usableCores} usable cores)`],
    ['memory', `${formatBytes(report.totalMemory)}, ${formatBytes(report.freeMemory)} free`],
    ...engine.backends.map(({ name, found, detail }): [string, string] => [
      `backend ${name}`,
      `${found ? 'found' : 'not found'}: ${detail}`,
    ]),
    ...cudaLines(engine),
  ];
  return `${lines.map(([name, text]) => `${name.padEnd(16)}${text}`).join('\n')}\n`;
}

/** The plug-in, what it found on this machine, and what else is missing. */
function cudaLines({ cuda, backends }: EngineInfo): [string, string][] {
  const plain = (text: string) => text.toLowerCase().replace(/\.$/, '');
  const said = new Set(backends.map(({ detail }) => plain(detail)));
  const plugin = `${cuda.version}, compiled by ${cuda.toolkit} for ${cuda.images}: ${cuda.file}`;
  return [
    ...(cuda.file === undefined ? [] : [['CUDA plug-in', plugin] as [string, string]]),
    ...(cuda.driver === undefined ? [] : [['NVIDIA driver', cuda.driver] as [string, string]]),
    ...cuda.libraries.map(({ name, version, file }): [string, string] => [name, `${version}: ${file}`]),
    ...cuda.missing.filter((text) => !said.has(plain(text))).map((text): [string, string] => ['CUDA lacks', text]),
  ];
}
