// What the rows of `score` and `generate` depend on: the model, and every option except those of files, memory and
// speed.

import { readFile } from 'node:fs/promises';
import { digestOfText } from '../continuing/digests';
import type { RunFacts } from '../continuing/run_record';
import { modelDigest } from '../model_folder/digest';
import { packageVersion } from '../support/package_version';

interface Computed {
  folder: string;
  /** 'cpu', 'cuda:0', … */
  device: string;
  precision: string;
}

/**
 * @param options by name, as they were given.
 * @param settled the values that were chosen for options that were not given.
 */
export async function runFacts(
  command: string,
  model: Computed,
  options: RunFacts,
  settled: RunFacts = {},
): Promise<RunFacts> {
  const template = options['chat_template'];
  return {
    command,
    package_version: packageVersion(),
    model: await modelDigest(model.folder),
    // Another device of the same kind gives the same rows.
    device: model.device.replace(/:.*$/, ''),
    precision: model.precision,
    ...options,
    ...(typeof template === 'string' ? { chat_template: digestOfText(await readFile(template)) } : {}),
    ...settled,
  };
}

/** The values of the options that a group of them names. */
export function valuesOf<T extends object>(values: Readonly<Record<string, unknown>>, group: T): RunFacts {
  return Object.fromEntries(Object.keys(group).map((name) => [name, values[name]]));
}
