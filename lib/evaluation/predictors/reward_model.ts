// This package's own reward model as a predictor: what `eval --model_name DIR` scores with.

import type { PreferencePrompt, TokenizedPrompt } from '../../data/types';
import type { RewardModel } from '../../scoring/reward_model';
import { tokenizeDataset } from '../../tokenization/tokenize_dataset';
import type { Predictor, PromptScores, ScoringOptions } from './predictor';

/**
 * Scores with a loaded reward model. Texts are tokenised on threads of their own, as the model folder's cheems.json says; all
 * responses of a prompt are computed as one tree. Responses longer than the model's `maxLength` (none by default) are not
 * scored, or cut with its `truncation`. The model is the caller's: the predictor's `dispose` frees it.
 */
export function rewardModelPredictor(model: RewardModel, name = model.folder): Predictor {
  return {
    name,
    scorePrompts: (prompts, options) => scorePrompts(model, prompts, options),
    describe: () => model.describe(),
    dispose: () => model.dispose(),
  };
}

async function scorePrompts(model: RewardModel, prompts: readonly PreferencePrompt[], { signal, onProgress }: ScoringOptions): Promise<PromptScores[]> {
  const tokenized = await tokenizeDataset({ prompts: [...prompts] }, { ...model.tokenizeOptions(), dropUnpaired: false }, { signal });
  for (const { prompt, samples } of tokenized.prompts) {
    for (const { inputIds, responseIndex } of samples) model.refuseBeyondPositions(inputIds.length, prompt.responses[responseIndex]!.source ?? prompt.source);
  }
  const total = prompts.reduce((sum, { responses }) => sum + responses.length, 0);
  const dropped = total - tokenized.prompts.reduce((sum, { samples }) => sum + samples.length, 0);
  const rewards = await model.scoreAll(
    tokenized.prompts.map(({ samples }) => samples),
    { signal, onProgress: onProgress && (({ done, tokens }) => onProgress({ done: dropped + done, total, tokens })) },
  );
  const scores = new Map(tokenized.prompts.map((prompt, index) => [prompt.prompt, scoresOf(prompt, rewards[index]!)]));
  return prompts.map((prompt) => scores.get(prompt) ?? unscored(prompt));
}

function scoresOf({ prompt, samples }: TokenizedPrompt, rewards: Float32Array): PromptScores {
  const scores = unscored(prompt);
  for (const [index, { responseIndex, inputIds, truncated }] of samples.entries()) {
    scores.rewards[responseIndex] = rewards[index]!;
    scores.tokens![responseIndex] = inputIds.length;
    scores.truncated![responseIndex] = truncated;
  }
  return scores;
}

function unscored({ responses }: PreferencePrompt): PromptScores {
  return { rewards: responses.map(() => null), tokens: responses.map(() => 0), truncated: responses.map(() => false) };
}
