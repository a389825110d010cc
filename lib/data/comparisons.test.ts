import test from 'ava';
import { AnnotatedPrompts } from './annotated_prompts';
import { comparisonsOf, preferred, renumbered } from './comparisons';
import { flattenBatch } from './global_batches';
import { keepSamples, pruneUnpaired } from './pruning';
import { emptyReport } from './report';
import { resolveAsCheems } from './resolve/cheems';
import { resolveByMajority } from './resolve/majority';
import type { TokenizedPrompt } from './types';

const soft = { a: 2, b: 0, target: 0.25, weight: 2, margin: 0.5 };

test('pairs are comparisons with the defaults', (t) => {
  const comparisons = comparisonsOf({ pairs: [[1, 0], [2, 1]] }); // prettier-ignore
  t.deepEqual(comparisons, [preferred(1, 0), preferred(2, 1)]);
  t.deepEqual(comparisons[0], { a: 1, b: 0, target: 1, weight: 1, margin: 0 });
  t.deepEqual(comparisonsOf({ pairs: [[1, 0]], comparisons: [soft] }), [soft]);
});

const promptOf = (samples: number, fields: Partial<TokenizedPrompt>): TokenizedPrompt => ({
  prompt: { id: 'p', prompt: 'p', responses: [], pairs: [], source: { file: 'f', line: 1 } },
  samples: Array.from({ length: samples }, (_, i) => ({
    inputIds: Int32Array.of(i),
    truncated: false,
    responseIndex: i,
  })),
  pairs: [],
  ...fields,
});

test('batches number comparisons by samples, and pruning keeps and renumbers them', (t) => {
  const rich = promptOf(4, { pairs: [[3, 0]], comparisons: [soft, preferred(3, 0)] }); // prettier-ignore
  const plain = promptOf(2, { pairs: [[1, 0]] });
  t.deepEqual(flattenBatch([plain, rich]).comparisons, [preferred(1, 0), { ...soft, a: 4, b: 2 }, preferred(5, 2)]);
  t.deepEqual(renumbered([soft, preferred(3, 0)], new Map([[0, 0], [2, 1]])), [{ ...soft, a: 1 }]); // prettier-ignore
  const [kept] = pruneUnpaired([rich, promptOf(2, {})], emptyReport());
  t.deepEqual(kept!.samples.map(({ responseIndex }) => responseIndex), [0, 2, 3]); // prettier-ignore
  t.deepEqual(kept!.comparisons, [{ ...soft, a: 1 }, preferred(2, 0)]);
  t.deepEqual(keepSamples(rich, (i) => i !== 2).comparisons, [preferred(2, 0)]);
});

test('votes stay with their prompt, with file and line, and each rule makes its own of them', (t) => {
  const annotated = new AnnotatedPrompts();
  const responses = ['a', 'b', 'c'].map((id) => ({ id, content: id }));
  const rows = [
    { input: 'q', responses, annotations: [['a', 'b', 1], ['b', 'a', 1], ['c', 'c', 1]] }, // prettier-ignore
    { input: 'q', annotations: [['a', 'b', 1], ['b', 'c', 2]] }, // prettier-ignore
  ];
  rows.forEach((row, i) => annotated.add(row, { file: `${i}.jsonl`, line: 7 }));
  const [prompt, ...others] = annotated.prompts;
  t.deepEqual(others, []);
  const said = prompt!.votes.map(({ first, second, outcome, source }) => [first, second, outcome, source.file]);
  t.deepEqual(said, [
    ['a', 'b', 1, '0.jsonl'],
    ['b', 'a', 1, '0.jsonl'],
    ['c', 'c', 1, '0.jsonl'],
    ['a', 'b', 1, '1.jsonl'],
    ['b', 'c', 2, '1.jsonl'],
  ]);
  t.deepEqual(resolveByMajority(prompt!, emptyReport()), { pairs: [[0, 1], [2, 1]] }); // prettier-ignore
  t.deepEqual(resolveAsCheems(prompt!).pairs, [[0, 1], [1, 0], [2, 2], [0, 1]]); // prettier-ignore
});
