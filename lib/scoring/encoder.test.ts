import { readFileSync } from 'node:fs';
import * as path from 'node:path';
import test from 'ava';
import type { Message } from '../data/types';
import { RewardModel } from './reward_model';

const folder = path.join(__dirname, '..', '..', 'fixtures', 'reference', 'models', 'deberta-pair');

interface Recorded {
  question?: string;
  messages?: Message[];
  answer: string;
  input_ids: number[];
  reward_f64: number;
}
const recorded = (JSON.parse(readFileSync(path.join(folder, 'pairs.json'), 'utf8')) as { pairs: Recorded[] }).pairs;

test(
  'a DeBERTa reward model scores texts as transformers does, without a chat template and past ' +
    'max_position_embeddings',
  async (t) => {
    const model = await RewardModel.load(folder, { device: 'cpu', numThreads: 2 });
    try {
      t.like(model.architecture, {
        family: 'deberta-v2',
        sampleForm: 'pair',
        anyLength: true,
        maxPositionEmbeddings: 64,
      });
      t.is(model.head.kind, 'pooler');
      t.true(recorded.some(({ input_ids: ids }) => ids.length > 64));
      const items = recorded.map(({ question, messages, answer }) => ({
        prompt: messages ?? question!,
        responses: [answer],
      }));
      const rewards = (await model.score(items)).flat();
      rewards.forEach((reward, i) =>
        t.true(Math.abs(reward - recorded[i]!.reward_f64) <= 3e-5, `${reward} for ${recorded[i]!.reward_f64}`),
      );
      // Answers to one question: each as by itself, to the bit.
      const [first, second] = recorded as [Recorded, Recorded];
      const together = await model.score([
        { prompt: first.question!, responses: [first.answer, second.answer, first.answer] },
      ]);
      t.is(together[0]![0], rewards[0]);
      t.is(together[0]![2], rewards[0]);
      t.not(together[0]![1], rewards[1]);
    } finally {
      await model.dispose();
    }
  },
);

test('a chat template for a model that reads pairs is refused', async (t) => {
  const error = await t.throwsAsync(
    RewardModel.load(folder, { device: 'cpu', numThreads: 1, chatTemplateFile: path.join(folder, 'config.json') }),
  );
  t.regex(error.message, /pair of texts.*`chatTemplateFile`/);
});
