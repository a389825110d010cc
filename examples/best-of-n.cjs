// The best of several answers: node examples/best-of-n.cjs PROMPT ANSWER ANSWER…
const { RewardModel } = require('cheems-native');

async function main([prompt = '你好', ...answers]) {
  const responses = answers.length > 0 ? answers : ['你好！有什么可以帮你？', '滚。'];
  const model = await RewardModel.load(process.env.MODEL ?? 'runs/quickstart/model');
  const [rewards] = await model.score([{ prompt, responses }]);
  console.log(responses[rewards.indexOf(Math.max(...rewards))]);
  await model.dispose();
}

main(process.argv.slice(2)).catch((error) => {
  console.error(error.message);
  process.exitCode = 1;
});
