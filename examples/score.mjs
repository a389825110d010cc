// Scores conversations: node examples/score.mjs [MODEL_FOLDER]
import { RewardModel } from 'cheems-native';

const folder = process.argv[2] ?? 'runs/quickstart/model';
const controller = new AbortController();
process.once('SIGINT', () => controller.abort(new Error('stopped by Ctrl-C')));

const model = await RewardModel.load(folder, { device: 'auto' });
try {
  const items = [
    {
      prompt: '用一句话解释强化学习。',
      responses: ['智能体通过与环境交互、根据奖励不断改进策略的学习方法。', '不知道。'],
    },
    {
      messages: [
        { role: 'user', content: '推荐一本科幻小说。' },
        { role: 'assistant', content: '《三体》。' },
        { role: 'user', content: '为什么？' },
      ],
      responses: ['它想象宏大，把物理学与文明的命运写在一起。', '因为好看。'],
    },
  ];
  const rewards = await model.score(items, {
    signal: controller.signal,
    onProgress: ({ done, total, tokensPerSecond }) =>
      console.error(`${done}/${total}, ${tokensPerSecond.toFixed(0)} tokens/s`),
  });
  for (const [i, { responses }] of items.entries()) {
    for (const [k, response] of responses.entries()) console.log(rewards[i][k].toFixed(3), response);
  }
} finally {
  await model.dispose();
}
