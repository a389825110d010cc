// Reads damaged data files: node scripts/testing/fuzz_jsonl.cjs --inputs 100000 --seed 1 Build first (npx tsc -p
// tsconfig.json). Prints the input and exits with status 1 if anything other than a DataError is thrown.
'use strict';

const { parseArgs } = require('node:util');
const { fuzzJsonl } = require('../../dist/testing/fuzz_jsonl.js');

async function main() {
  const { values } = parseArgs({
    options: { inputs: { type: 'string', default: '100000' }, seed: { type: 'string', default: '1' } },
  });
  const [inputs, seed] = [Number(values.inputs), Number(values.seed)];
  if (!Number.isInteger(inputs) || inputs < 1 || !Number.isInteger(seed))
    throw new Error('--inputs and --seed take integers');
  const begin = Date.now();
  const result = await fuzzJsonl(inputs, seed, (done) => {
    if (done % 10000 === 0) console.log(`${done} inputs, ${((Date.now() - begin) / 1000).toFixed(0)} s`);
  });
  console.log(
    `${result.inputs} inputs of seed ${seed} in ${((Date.now() - begin) / 1000).toFixed(1)} s: ` +
      `${result.datasets} data sets, ` +
      `${result.refusedLines} refused by line, ${result.refusedFiles} refused as a file, ` +
      `${result.messages.size} kinds of message`,
  );
}

main().catch((error) => {
  console.error(error.message);
  process.exitCode = 1;
});
