// `cheems-native compare`: several evaluations of the same data, side by side.

import { compareResults } from '../reporting/compare';
import { formatComparison, writeComparison } from '../reporting/comparison_report';
import { readResults } from '../reporting/stored_results';
import { checkOutputFolder } from '../files/output_checks';
import { number, paths, text } from '../options/kinds';
import { defineCommand } from './command';
import { print } from './terminal';

const FILES = 'Files';

export const compareCommand = defineCommand({
  name: 'compare',
  operands: 'results',
  options: {
    results: paths(
      {
        group: FILES,
        describe: 'two or more results.json files that eval --output_dir wrote; --results itself may be left out',
      },
      1,
    ),
    output_dir: text({ group: FILES, describe: 'folder for compare.html, compare.md and compare.csv' }),
    bootstrap: number(
      2000,
      { from: 0, integer: true },
      { group: 'Metrics', describe: 'bootstrap resamples of the prompts; 0: only the differences' },
    ),
    seed: number(
      0,
      { from: 0, to: 0xffffffff, integer: true },
      { group: 'Metrics', describe: 'seed of the resampling' },
    ),
  },
  examples: [
    ['compare runs/a/results.json runs/b/results.json', 'two models'],
    ['compare runs/*/results.json --output_dir runs/compare', 'several models, with a report'],
  ],
  notes:
    'The prompts.jsonl beside each results.json is read too. Results of different data (by the digests of the ' +
    'files) or of different benchmarks are refused.',
  run: async (values) => {
    if (values.output_dir !== undefined) await checkOutputFolder('--output_dir', values.output_dir);
    const results = await Promise.all(values.results.map(readResults));
    const comparison = compareResults(results, { resamples: values.bootstrap, seed: values.seed });
    print(formatComparison(comparison));
    if (values.output_dir !== undefined) {
      const { html, markdown, csv } = await writeComparison(values.output_dir, comparison);
      print(`\nreport:  ${html}, ${markdown}, ${csv}\n`);
    }
  },
});
