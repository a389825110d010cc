// This package's own reward model as a predictor: what `eval --model_name DIR` scores with.

import { formatReport } from '../../data/report';
import type { PreferencePrompt, TokenizedPrompt, TokenizedSample } from '../../data/types';
import type { RewardModel } from '../../scoring/reward_model';
import { tokenizeAhead } from '../../tokenization/tokenize_ahead';
import type { Predictor, PromptScores, ScoringOptions } from './predictor';

/**
 * Scores with a loaded reward model. Texts are tokenized on threads of their own while the engine computes, as the
 * model folder's cheems.json says; all responses of a prompt are computed as one tree. Responses longer than the
 * model's `maxLength` (none by default) are not scored, or cut with its `truncation`. The predictor's `dispose` frees
 * the model.
 */
export function rewardModelPredictor(model: RewardModel, name = model.folder): Predictor {
  // A disposed model has no notes any more.
  let lastNotes: string[] | undefined;
  const engineNotes = () => lastNotes ?? model.engineNotes;
  return {
    name,
    precision: model.precision,
    scorePrompts: (prompts, options) => scorePrompts(model, prompts, options),
    describe: () => ({
      ...model.describe(),
      ...(engineNotes().length > 0 ? { engine_notes: engineNotes() } : {}),
    }),
    notes: () => [...formatReport(model.readingReport), ...engineNotes()],
    inFloat32: async (signal) => {
      lastNotes = model.engineNotes;
      return rewardModelPredictor(await model.inFloat32(signal), name);
    },
    dispose: () => model.dispose(),
  };
}

async function scorePrompts(
  model: RewardModel,
  prompts: readonly PreferencePrompt[],
  { signal, onProgress }: ScoringOptions,
): Promise<PromptScores[]> {
  const total = prompts.reduce((sum, { responses }) => sum + responses.length, 0);
  const tokenized: (TokenizedPrompt | undefined)[] = [];
  let dropped = 0;
  async function* samples(): AsyncGenerator<TokenizedSample[]> {
    for await (const one of tokenizeAhead(
      { prompts: [...prompts] },
      model.tokenizeOptions(),
      { signal },
      model.readingReport,
    )) {
      const prompt = prompts[tokenized.length]!;
      for (const { inputIds, responseIndex } of one?.samples ?? [])
        model.refuseUnreadable(inputIds, prompt.responses[responseIndex]!.source ?? prompt.source);
      tokenized.push(one);
      dropped += prompt.responses.length - (one?.samples.length ?? 0);
      yield one?.samples ?? [];
    }
  }
  const rewards = await model.scoreAsTheyCome(samples(), total, {
    signal,
    onProgress: onProgress && (({ done, tokens }) => onProgress({ done: dropped + done, total, tokens })),
  });
  return prompts.map((prompt, i) => (tokenized[i] ? scoresOf(tokenized[i], rewards[i]!) : unscored(prompt)));
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
