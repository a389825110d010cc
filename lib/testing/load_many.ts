// A program that loads models many times, each in one of the ways in which users leave them, and says what is left:
//   node load_many.js KIND TIMES REWARD_MODEL LANGUAGE_MODEL
// prints one line of JSON: resident memory and threads after a tenth of the loads, and at the end. leaks.test.ts runs
// it.

import { readdirSync } from 'node:fs';
import { setTimeout as sleep } from 'node:timers/promises';
import { LanguageModel } from '../generation/language_model';
import { RewardModel } from '../scoring/reward_model';

const [kind = '', times = '10', rewardModel = '', languageModel = ''] = process.argv.slice(2);
const items = Array.from({ length: 4 }, (_, i) => ({
  prompt: `你好${i}${'一二三四五'.repeat(20)}`,
  responses: ['好', `嗯${i}`],
}));

async function scored(): Promise<RewardModel> {
  const model = await RewardModel.load(rewardModel);
  await model.score(items);
  return model;
}

const KINDS: Record<string, () => Promise<void>> = {
  async disposed() {
    await using model = await scored();
    void model;
  },
  async dropped() {
    await scored();
  },
  async disposedInTheMiddle() {
    const model = await scored();
    const outcome = Promise.allSettled([model.score(items), model.score(items)]);
    await model.dispose();
    await outcome;
  },
  async languageModel() {
    await using model = await LanguageModel.load(languageModel);
    await model.generate(['你好'], { maxTokens: 2 });
  },
  async languageModelDropped() {
    await (await LanguageModel.load(languageModel)).generate(['你好'], { maxTokens: 2 });
  },
  async failing() {
    await RewardModel.load(languageModel).then(
      () => process.exit(2),
      () => {},
    );
  },
};

/** Once what was let go has had the time to end; nothing asks for a collection of garbage. */
async function left(): Promise<{ megabytes: number; threads: number }> {
  await sleep(300);
  return { megabytes: Math.round(process.memoryUsage().rss / 2 ** 20), threads: readdirSync('/proc/self/task').length };
}

async function main(): Promise<void> {
  const early = Math.ceil(Number(times) / 10);
  let begun = await left();
  for (let i = 0; i < Number(times); i += 1) {
    await KINDS[kind]!();
    if (i + 1 === early) begun = await left();
  }
  console.log(JSON.stringify({ begun, ended: await left() }));
}

void main();
