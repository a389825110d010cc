// Folders of TRL, OpenRLHF and LLaMA-Factory give the rewards here that the tools read themselves:
// fixtures/reference/trainers/README.md.
import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import test from 'ava';
import type { Message } from '../data/types';
import { RewardModel } from './reward_model';

const ROOT = join(__dirname, '../../fixtures/reference/trainers');
type Row = { reward: number; messages?: Message[]; input_ids?: number[] };

for (const [folder, choice, notes] of [
  ['trl_conversations', /as the chat template writes them \(the class LlamaForSequenceClassification/, 0],
  ['trl_texts', /as the chat template writes them/, 1],
  ['openrlhf', /as OpenRLHF does/, 0],
  ['llama_factory', /as the chat template writes them \(a value head as LLaMA-Factory/, 0],
] as const) {
  test(`rewards of a folder of ${folder} are those that its tool reads`, async (t) => {
    const rows = JSON.parse(readFileSync(join(ROOT, folder, 'rewards.json'), 'utf8')) as Row[];
    const said: string[] = [];
    const model = await RewardModel.load(join(ROOT, folder), { device: 'cpu', onNote: (note) => said.push(note) });
    t.regex(model.sampleChoice, choice);
    const rewards = await model.score(
      rows.map(({ messages, input_ids }) =>
        input_ids ? { responses: [{ inputIds: input_ids }] } : { messages: messages! },
      ),
    );
    for (const [i, { reward }] of rows.entries())
      t.true(
        Math.abs(rewards[i]![0]! - reward) <= 3e-5 * Math.max(1, Math.abs(reward)),
        `${rewards[i]![0]!} for ${reward}`,
      );
    t.is(said.length, notes);
    await model.dispose();
  });
}
