// Benchmarks by name. To add one, write one file that makes a Benchmark and name it here, or register it.

import { EvaluationError } from '../errors';
import type { Benchmark } from './benchmark';
import { bestOfN } from './best_of_n';
import { cheemsBench } from './cheems_bench';
import { judgeBench } from './judgebench';
import { mRewardBench } from './m_rewardbench';
import { pairsBenchmark } from './pairs';
import { rewardBench } from './rewardbench';
import { rewardBench2 } from './rewardbench2';
import { rmBench } from './rm_bench';

const known: Benchmark[] = [
  cheemsBench,
  rewardBench,
  rewardBench2,
  rmBench,
  judgeBench,
  mRewardBench,
  pairsBenchmark,
  bestOfN,
];
const registered = new Map<string, Benchmark>(known.map((benchmark) => [benchmark.name, benchmark]));

/** Makes a benchmark known by its name. */
export function registerBenchmark(benchmark: Benchmark): void {
  if (registered.has(benchmark.name))
    throw new EvaluationError(`A benchmark named "${benchmark.name}" is registered already; choose another name.`);
  registered.set(benchmark.name, benchmark);
}

/** The names of all benchmarks, registered ones included. */
export function registeredBenchmarks(): string[] {
  return [...registered.keys()];
}

/** The benchmark of this name. */
export function findBenchmark(name: string): Benchmark {
  const benchmark = registered.get(name);
  if (!benchmark)
    throw new EvaluationError(`There is no benchmark "${name}"; known are: ${registeredBenchmarks().join(', ')}.`);
  return benchmark;
}
