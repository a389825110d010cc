import { responseLength } from '../lengths';
import { definePredictor } from './define';

/** Prefers the longer response: a baseline that a reward model must beat. The reward is the number of characters. */
export const lengthPredictor = definePredictor({
  name: 'length',
  score: (samples) =>
    samples.map(({ response: content, messages }) => responseLength(messages ? { content, messages } : { content })!),
});
