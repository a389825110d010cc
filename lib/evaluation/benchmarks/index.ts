// Benchmarks by name. To add one, write one file that makes a Benchmark and name it here, or register it.

import type { Benchmark } from './benchmark';
import { cheemsBench } from './cheems_bench';

export type { Benchmark, BenchmarkScore, FileReport } from './benchmark';
export { cheemsBench, headlineMetrics } from './cheems_bench';

const registered = new Map<string, Benchmark>([[cheemsBench.name, cheemsBench]]);

export function registerBenchmark(benchmark: Benchmark): void {
  if (registered.has(benchmark.name)) throw new Error(`A benchmark named "${benchmark.name}" is registered already; choose another name.`);
  registered.set(benchmark.name, benchmark);
}

export function registeredBenchmarks(): string[] {
  return [...registered.keys()];
}

export function findBenchmark(name: string): Benchmark {
  const benchmark = registered.get(name);
  if (!benchmark) throw new Error(`There is no benchmark "${name}"; known are: ${registeredBenchmarks().join(', ')}.`);
  return benchmark;
}
