// A scorer of your own: cheems-native eval --predictor examples/predictor.mjs --data_path data/oasst-zh/test.jsonl
// It may ask any model or service; this one prefers answers that share words with the question, and are not too short.
import { definePredictor } from 'cheems-native';

const pairsOf = (text) => new Set(Array.from({ length: Math.max(0, text.length - 1) }, (_, i) => text.slice(i, i + 2)));

export default definePredictor({
  name: 'shared-words',
  score: (samples) =>
    samples.map(({ prompt, response }) => {
      const question = typeof prompt === 'string' ? prompt : (prompt.at(-1)?.content ?? '');
      const asked = pairsOf(question);
      const shared = [...pairsOf(response)].filter((pair) => asked.has(pair)).length;
      return shared + Math.log1p(response.length);
    }),
});
