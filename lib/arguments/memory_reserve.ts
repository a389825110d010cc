// How much of a device's memory a run leaves alone: one option of every command that computes.

import { optionalNumber } from './option_kinds';

const GIB = 2 ** 30;

export const deviceMemoryReserve = (group: string) =>
  optionalNumber(
    { from: 0 },
    {
      group,
      describe:
        'GiB of the free memory that must be left: NVIDIA\'s libraries take some at their first use [default: 1 on a GPU, 0 on the CPU]',
    },
  );

/** As the engine takes it: bytes, and nothing for the device's default. */
export const memoryReserve = (gib: number | undefined): { memoryReserve?: number } =>
  gib === undefined ? {} : { memoryReserve: Math.round(gib * GIB) };
