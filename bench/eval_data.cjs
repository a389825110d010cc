#!/usr/bin/env node
'use strict';
// Makes preference data of CheemsBench's size and lengths, in its form, from the Chinese texts of data/.
//
//   node bench/eval_data.cjs --output build/bench/eval/data.jsonl [--prompts 2500] [--responses 5] [--seed 0]
//
// Lengths are those of the paper's table 1: prompts of 192 characters, responses of 445, log-normal here. The sample
// data hold a tenth of the text that is needed, and a tokenizer that remembers clauses would gain from repetitions as
// no real data allow. So every clause is the beginning of one real clause and the end of another, cut at random: real
// characters, words and punctuation, hardly a clause twice.

const { mkdirSync, readFileSync, writeFileSync } = require('node:fs');
const { dirname, join } = require('node:path');
const { parseArgs } = require('node:util');

const SOURCES = ['oasst-zh/train.jsonl', 'oasst-zh/test.jsonl', 'dpo-zh/train.jsonl'];
const PROMPT = { mean: 192, sigma: 0.8, least: 8, most: 2000 };
const RESPONSE = { mean: 445, sigma: 0.6, least: 20, most: 2000 };
const CATEGORIES = ['理解', '知识', '创作', '推理', '数学', '复杂指令', '安全', '对话'];

/** Numbers in [0, 1), the same for a seed everywhere (mulberry32). */
function randomOf(seed) {
  let state = seed >>> 0;
  return () => {
    state = (state + 0x6d2b79f5) >>> 0;
    let z = Math.imul(state ^ (state >>> 15), state | 1);
    z ^= z + Math.imul(z ^ (z >>> 7), z | 61);
    return ((z ^ (z >>> 14)) >>> 0) / 2 ** 32;
  };
}

const textsOf = (value) =>
  typeof value === 'string'
    ? [value]
    : Array.isArray(value)
      ? value.flatMap(textsOf)
      : value && typeof value === 'object'
        ? textsOf(value.content)
        : [];

/** All texts of the sample data as clauses, each with the punctuation and space that follow it. */
function readClauses() {
  const texts = SOURCES.flatMap((name) => {
    const lines = readFileSync(join(__dirname, '..', 'data', name), 'utf8')
      .trimEnd()
      .split('\n');
    return lines.flatMap((line) => {
      const { input, prompt, responses, chosen, rejected } = JSON.parse(line);
      return [input, prompt, responses, chosen, rejected].flatMap(textsOf);
    });
  });
  return texts.flatMap((text) => text.match(/[^\s\p{P}]+[\s\p{P}]*/gu) ?? []);
}

function textMaker(clauses, random) {
  const any = () => Array.from(clauses[Math.floor(random() * clauses.length)]);
  const normal = () => Math.sqrt(-2 * Math.log(1 - random())) * Math.cos(2 * Math.PI * random());
  return ({ mean, sigma, least, most }) => {
    const length = Math.round(Math.min(most, Math.max(least, mean * Math.exp(sigma * normal() - sigma ** 2 / 2))));
    const characters = [];
    while (characters.length < length) {
      const [first, second] = [any(), any()];
      characters.push(
        ...first.slice(0, 1 + Math.floor(random() * first.length)),
        ...second.slice(Math.floor(random() * second.length)),
      );
    }
    return characters.slice(0, length).join('').trim() || '好';
  };
}

function makeRow(number, makeText, random, responses) {
  const ids = Array.from({ length: responses }, (_, i) => `r${i}`);
  const row = {
    input: `${number + 1}. ${makeText(PROMPT)}`,
    responses: ids.map((id) => ({ id, content: makeText(RESPONSE) })),
  };
  // a third of the pairs or so are ties, as there
  row.rank = Object.fromEntries(ids.map((id) => [id, String(1 + Math.floor(random() * responses))]));
  row.category = [CATEGORIES[number % CATEGORIES.length]];
  return row;
}

function main() {
  const { values } = parseArgs({
    options: {
      output: { type: 'string' },
      prompts: { type: 'string', default: '2500' },
      responses: { type: 'string', default: '5' },
      seed: { type: 'string', default: '0' },
    },
  });
  if (!values.output) throw new Error('Usage: eval_data.cjs --output FILE [--prompts N] [--responses N] [--seed N]');
  const random = randomOf(Number(values.seed));
  const makeText = textMaker(readClauses(), random);
  const rows = Array.from({ length: Number(values.prompts) }, (_, i) =>
    makeRow(i, makeText, random, Number(values.responses)),
  );
  mkdirSync(dirname(values.output), { recursive: true });
  writeFileSync(values.output, rows.map((row) => `${JSON.stringify(row)}\n`).join(''));
  const mean = (list) => Math.round(list.reduce((sum, text) => sum + text.length, 0) / list.length);
  console.log(
    `${values.output}: ${rows.length} prompts of ${mean(rows.map(({ input }) => input))} characters, responses ` +
      `of ${mean(rows.flatMap((row) => row.responses.map(({ content }) => content)))}`,
  );
}

main();
