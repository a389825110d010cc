// Options of every command that computes: each is told once, and stands in a group of the command's own.

import { ENGINE_DEFAULTS } from '../engine/types.generated';
import { number, numberOr, optionalChoice, optionalNumber, textWithDefault } from './kinds';

const GIB = 2 ** 30;

/**
 * @param cpu the tokens that the engine takes on a CPU.
 * @param more the end of the sentence.
 */
export const microBatchTokens = (group: string, cpu: number, more = '') =>
  numberOr(
    'auto',
    { from: 1, integer: true },
    {
      group,
      describe:
        `tokens computed at once: less takes less memory; 'auto': ${cpu} on the CPU, on a GPU as many as its memory takes ` +
        `and it gains by${more}`,
    },
  );

export const deviceMemoryReserve = (group: string) =>
  optionalNumber(
    { from: 0 },
    {
      group,
      describe:
        "GiB of the free memory that must be left: NVIDIA's libraries take some at their first use [default: 1 on a GPU, 0 on the CPU]",
    },
  );

export const numThreads = (group: string) =>
  number(
    ENGINE_DEFAULTS.ModelLoadOptions.numThreads,
    { from: 0, integer: true },
    { group, describe: 'threads of the engine; 0: one for each usable core' },
  );

export const device = (group: string) =>
  textWithDefault(ENGINE_DEFAULTS.ModelLoadOptions.device, {
    group,
    describe:
      "'auto' (the GPU where there is one, of several the one with the most free memory), 'cpu', 'cuda' or 'cuda:1'; " +
      '`info` lists what is there',
  });

export const precision = (group: string) =>
  optionalChoice(['float32', 'bfloat16'], {
    group,
    describe: 'of the activations and weights that are computed with [default: bfloat16 on a GPU, float32 on the CPU]',
  });

/** As the engine takes it: bytes, and nothing for the device's default. */
export const memoryReserve = (gib: number | undefined): { memoryReserve?: number } =>
  gib === undefined ? {} : { memoryReserve: Math.round(gib * GIB) };
