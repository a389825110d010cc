// Options of every command that computes: each is defined once; a command puts it into a group of its own.

import { ENGINE_DEFAULTS } from '../engine/types.generated';
import { number, numberOr, optionalChoice, optionalNumber, textWithDefault } from './kinds';

const GIB = 2 ** 30;

/**
 * @param cpu the default on a CPU.
 * @param more the end of the sentence.
 */
export const microBatchTokens = (group: string, cpu: number, more = '') =>
  numberOr(
    'auto',
    { from: 1, integer: true },
    {
      group,
      describe:
        `tokens computed at once; fewer need less memory. 'auto': ${cpu} on the CPU; on a GPU as many as its ` +
        'memory holds ' +
        `and make it faster${more}`,
    },
  );

export const deviceMemoryReserve = (group: string) =>
  optionalNumber(
    { from: 0 },
    {
      group,
      describe:
        "GiB of the free memory to leave unused: NVIDIA's libraries need some at their first use [default: 1 on " +
        'a GPU, 0 on the CPU]',
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
      "'auto' (the GPU with the most free memory, or the CPU if there is none), 'cpu', 'cuda' or 'cuda:1'; " +
      '`info` lists the devices',
  });

export const precision = (group: string) =>
  optionalChoice(['float32', 'bfloat16'], {
    group,
    describe:
      'dtype of matrix products; bfloat16 is about twice as fast on a CPU that has AVX512_BF16 (others compute ' +
      'in float32 and say so) [default: bfloat16 on a GPU, float32 on the CPU]',
  });

/** In the form the engine expects: bytes, or absent for the device's default. */
export const memoryReserve = (gib: number | undefined): { memoryReserve?: number } =>
  gib === undefined ? {} : { memoryReserve: Math.round(gib * GIB) };
