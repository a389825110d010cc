// Answers prompts with a language model: node examples/generate.mjs [MODEL_FOLDER_OR_ID]
import { LanguageModel } from 'cheems-native';

const model = await LanguageModel.load(process.argv[2] ?? 'Qwen/Qwen2.5-0.5B-Instruct', { device: 'auto' });
const controller = new AbortController();
process.once('SIGINT', () => controller.abort(new Error('stopped by Ctrl-C')));
for (const note of model.notes) console.error(note);
try {
  const prompts = ['用一句话解释强化学习。', { systemPrompt: '你是诗人。', prompt: '写一句关于秋天的话。' }];
  await model.generate(prompts, {
    maxTokens: 100,
    temperature: 0.7,
    topP: 0.9,
    seed: 1,
    signal: controller.signal,
    onAnswer: (index, { text, finish, usage }) =>
      console.log(`${index} (${finish}, ${usage.completionTokens} tokens): ${text}`),
  });
} finally {
  await model.dispose();
}
