// Which room of the engine may include which others; the path of a file determines its room.
import test from 'ava';
import { readdirSync, readFileSync } from 'node:fs';
import { join } from 'node:path';
import { packageFolder } from '../support/package_folder';

const BASE = ['core', 'batch', 'ops', 'backends'];
/**
 * What each room includes besides itself. Kernels are in the folders of their operations, and backends dispatch to
 * them.
 */
const INCLUDES: Record<string, readonly string[]> = {
  core: [],
  batch: ['core'],
  storage: ['core'],
  ops: BASE,
  backends: BASE,
  losses: ['core', 'ops'],
  model: [...BASE, 'storage'],
  execution: [...BASE, 'storage', 'model'],
  inference: [...BASE, 'storage', 'model', 'execution'],
  generation: [...BASE, 'storage', 'model', 'execution'],
  training: [...BASE, 'storage', 'model', 'execution', 'losses'],
};
/** Tests, and what is compiled only for them, may include everything. */
const OF_TESTS = /(^|[/_])test\.cpp$|_test_|^testing\/|fuzz_|\/(plain|traffic|bench)\.|test_files\.h$|_check\.h$/;
/** Compiled for the emulated device, the same kernels take its instructions. */
const ALLOWED = ['backends/cuda/device.cuh includes testing/cuda_on_cpu/instructions_emulated.cuh'];

const native = join(packageFolder(), 'native');
const sources = readdirSync(native, { recursive: true, encoding: 'utf8' }).filter(
  (file) => /\.(cpp|h|cu|cuh)$/.test(file) && !OF_TESTS.test(file),
);

test('every room of the engine includes what stands below it alone', (t) => {
  t.true(sources.length > 150);
  const found: string[] = [];
  for (const file of sources) {
    const room = file.split('/')[0]!;
    for (const [, header] of readFileSync(join(native, file), 'utf8').matchAll(/^#include "([a-z_]+\/[^"]+)"/gm)) {
      const other = header!.split('/')[0]!;
      if (other === room || other === 'hwy' || INCLUDES[room]?.includes(other) === true) continue;
      found.push(`${file} includes ${header}`);
    }
  }
  t.deepEqual(found, ALLOWED);
});
