#!/usr/bin/env node
'use strict';
// Makes data/oasst-zh and data/dpo-zh, the sample data that the quickstart trains and evaluates on.
//
//   node scripts/generate/make_sample_data.cjs oaast_rm_zh.json dpo_zh_demo.json [output folder, default: data]
//
// data/README.md says where the two source files come from and under which license. The same source gives the same
// bytes: nothing is random; every choice depends on a SHA-256 of the text.

const { createHash } = require('node:crypto');
const { mkdirSync, readFileSync, writeFileSync } = require('node:fs');
const { join } = require('node:path');

const TEST_SHARE = 5; // one thread in five is held out

const sha256 = (text) => createHash('sha256').update(text, 'utf8').digest('hex');

/** Threads that begin with the same user turn stay together: otherwise a test answer could be in a training history. */
const isHeldOut = (openingTurn) => Number.parseInt(sha256(openingTurn.trim()).slice(0, 8), 16) % TEST_SHARE === 0;

/** One OASST row, {instruction, output (best first), history [[question, answer]...]}, as a grouped and ranked row. */
function oasstPrompt(row, counts) {
  const turns = (row.history ?? []).flatMap(([question, answer]) => [
    { role: 'user', content: question },
    { role: 'assistant', content: answer },
  ]);
  const messages = [...turns, { role: 'user', content: row.instruction }];

  const ranking = []; // best first, no text twice
  const seen = new Set();
  for (const text of row.output) {
    if (seen.has(text.trim())) counts.duplicateResponses += 1;
    else ranking.push(text);
    seen.add(text.trim());
  }

  const ranked = ranking.map((content, place) => ({ id: sha256(content).slice(0, 12), content, place }));
  const annotations = ranked.flatMap((better, i) => ranked.slice(i + 1).map((worse) => [better.id, worse.id, '1']));
  // In the order of their ids, so that a response's position in the list does not reveal its rank.
  const listed = ranked.toSorted((a, b) => (a.id < b.id ? -1 : 1));
  return {
    openingTurn: messages[0].content,
    pairs: annotations.length,
    row: {
      input: messages.length === 1 ? row.instruction : messages,
      responses: listed.map(({ id, content }) => ({ id, content })),
      annotations,
      rank: Object.fromEntries(listed.map(({ id, place }) => [id, String(place + 1)])),
      category: [messages.length === 1 ? 'single-turn' : 'multi-turn'],
    },
  };
}

function convertOasst(rows) {
  const counts = { duplicateResponses: 0, withoutPair: 0, repeatedPrompts: 0 };
  const prompts = new Map();
  for (const prompt of rows.map((row) => oasstPrompt(row, counts))) {
    if (prompt.pairs === 0) {
      counts.withoutPair += 1;
      continue;
    }
    // Two rankings of one prompt cannot be merged into one rank per response: the longer ranking is kept.
    const key = JSON.stringify(prompt.row.input);
    const earlier = prompts.get(key);
    if (earlier) counts.repeatedPrompts += 1;
    if (!earlier || prompt.pairs > earlier.pairs) prompts.set(key, prompt);
  }
  const all = [...prompts.values()];
  return {
    counts,
    train: all.filter((p) => !isHeldOut(p.openingTurn)),
    test: all.filter((p) => isHeldOut(p.openingTurn)),
  };
}

/** One ShareGPT preference, {conversations, chosen, rejected}, as {prompt, chosen, rejected} with message lists. */
function dpoRow(row) {
  const roles = { system: 'system', human: 'user', gpt: 'assistant' };
  const message = ({ from, value }) => {
    if (!roles[from]) throw new Error(`Unknown speaker "${from}" in the DPO file: expected system, human or gpt.`);
    return { role: roles[from], content: value };
  };
  return { prompt: row.conversations.map(message), chosen: [message(row.chosen)], rejected: [message(row.rejected)] };
}

function writeRows(folder, name, rows) {
  mkdirSync(folder, { recursive: true });
  writeFileSync(join(folder, name), rows.map((row) => `${JSON.stringify(row)}\n`).join(''));
}

function main([oasstFile, dpoFile, output = 'data']) {
  if (!oasstFile || !dpoFile) {
    console.error(
      'Usage: node scripts/generate/make_sample_data.cjs oaast_rm_zh.json dpo_zh_demo.json [output folder]',
    );
    process.exit(2);
  }
  const oasst = convertOasst(JSON.parse(readFileSync(oasstFile, 'utf8')));
  for (const part of ['train', 'test']) {
    writeRows(
      join(output, 'oasst-zh'),
      `${part}.jsonl`,
      oasst[part].map((prompt) => prompt.row),
    );
    const responses = oasst[part].reduce((sum, prompt) => sum + prompt.row.responses.length, 0);
    const pairs = oasst[part].reduce((sum, prompt) => sum + prompt.pairs, 0);
    console.log(`oasst-zh/${part}.jsonl: ${oasst[part].length} prompts, ${responses} responses, ${pairs} pairs`);
  }
  const { duplicateResponses, withoutPair, repeatedPrompts } = oasst.counts;
  console.log(
    `left out: ${duplicateResponses} responses given twice, ${withoutPair} prompts with a single response, ` +
      `${repeatedPrompts} rankings of a prompt that has a longer one`,
  );

  const heldOut = new Set(oasst.test.map((prompt) => prompt.openingTurn.trim()));
  const dpo = JSON.parse(readFileSync(dpoFile, 'utf8')).map(dpoRow);
  const kept = dpo.filter((row) => !row.prompt.some(({ content }) => heldOut.has(content.trim())));
  writeRows(join(output, 'dpo-zh'), 'train.jsonl', kept);
  console.log(
    `dpo-zh/train.jsonl: ${kept.length} pairs; left out: ${dpo.length - kept.length} whose prompt is held out`,
  );
}

main(process.argv.slice(2));
