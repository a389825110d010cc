// Turns a user's definition into a predictor; every possible mistake in it gets a clear error.

import { DataError } from '../../data/errors';
import type { PreferencePrompt } from '../../data/types';
import { TokenizerError } from '../../tokenization/errors';
import { Turns } from '../metrics/blocks';
import type { Predictor, PredictorDefinition, PredictorSample, PromptScores, ScoringOptions } from './predictor';
import { PredictorError } from '../../judging/errors';
import { messageOf } from '../../support/thrown';

/**
 * Makes a predictor from a definition: `definePredictor({ name: 'short', score: (samples) => samples.map((s) =>
 * -s.response.length) })`. An object that already is a predictor (it has `scorePrompts`) is returned unchanged.
 * @throws PredictorError if the definition lacks a name or a scoring function.
 */
export function definePredictor(definition: PredictorDefinition | Predictor): Predictor {
  const problem = shapeProblem(definition);
  if (problem !== undefined) throw new PredictorError(`This is no predictor: ${problem}.`);
  if ('scorePrompts' in definition) return definition;
  const predictor: Predictor = {
    name: definition.name,
    scorePrompts: (prompts, options) => scoreInBatches(definition, prompts, options),
  };
  if (definition.describe) predictor.describe = () => definition.describe!();
  if (definition.dispose) predictor.dispose = () => definition.dispose!();
  return predictor;
}

/** Why a value is neither a predictor nor the definition of one, as the end of a sentence; undefined if it is one. */
export function shapeProblem(value: unknown): string | undefined {
  if (typeof value !== 'object' || value === null) {
    return (
      'an object { name, score } is needed, not ' +
      `${value === null ? 'null' : typeof value === 'function' ? 'a function' : `a value of type ${typeof value}`}`
    );
  }
  const { name, score, scorePrompts, batchSize, describe, dispose } = value as Record<string, unknown>;
  if (typeof name !== 'string' || name === '') return 'its "name" must be a text that is not empty';
  if (scorePrompts !== undefined && typeof scorePrompts !== 'function') return 'its "scorePrompts" must be a function';
  if (scorePrompts === undefined && typeof score !== 'function')
    return 'it needs a function "score" (samples => one number per sample)';
  if (batchSize !== undefined && !(Number.isInteger(batchSize) && (batchSize as number) > 0))
    return 'its "batchSize" must be a whole number from 1';
  if (describe !== undefined && typeof describe !== 'function') return 'its "describe" must be a function';
  if (dispose !== undefined && typeof dispose !== 'function') return 'its "dispose" must be a function';
  return undefined;
}

async function scoreInBatches(
  definition: PredictorDefinition,
  prompts: readonly PreferencePrompt[],
  options: ScoringOptions,
): Promise<PromptScores[]> {
  const total = prompts.reduce((sum, prompt) => sum + prompt.responses.length, 0);
  const results: PromptScores[] = [];
  let done = 0;
  const turns = new Turns(options.signal);
  for (const batch of batchesOf(prompts, definition.batchSize ?? 256)) {
    options.signal?.throwIfAborted();
    const samples = batch.flatMap((prompt) => samplesOf(prompt, definition));
    const rewards = requireRewards(await definition.score(samples, options), samples, definition.name);
    let next = 0;
    for (const { responses } of batch) results.push({ rewards: rewards.slice(next, (next += responses.length)) });
    done += samples.length;
    options.onProgress?.({ done, total });
    // A synchronous predictor would otherwise block signals and progress.
    await turns.take();
  }
  return results;
}

function* batchesOf(prompts: readonly PreferencePrompt[], batchSize: number): Generator<PreferencePrompt[]> {
  let batch: PreferencePrompt[] = [];
  let samples = 0;
  for (const prompt of prompts) {
    if (samples > 0 && samples + prompt.responses.length > batchSize) {
      yield batch;
      batch = [];
      samples = 0;
    }
    batch.push(prompt);
    samples += prompt.responses.length;
  }
  if (batch.length > 0) yield batch;
}

function samplesOf(prompt: PreferencePrompt, definition: PredictorDefinition): PredictorSample[] {
  return prompt.responses.map((response) => {
    if (response.content === undefined && !definition.acceptsTokenIds) {
      throw new PredictorError(
        `The predictor "${definition.name}" reads texts, but response ${response.id} of prompt ${prompt.id} ` +
          `(${prompt.source.file}:${prompt.source.line}) ` +
          'holds only token ids. Give its text as "content", or set acceptsTokenIds in the predictor.',
      );
    }
    const sample: PredictorSample = {
      promptId: prompt.id,
      responseId: response.id,
      prompt: prompt.prompt,
      response: response.content ?? '',
    };
    if (prompt.systemPrompt !== undefined) sample.systemPrompt = prompt.systemPrompt;
    if (response.messages) sample.messages = response.messages;
    if (response.inputIds) sample.inputIds = response.inputIds;
    return sample;
  });
}

function requireRewards(answer: unknown, samples: readonly PredictorSample[], name: string): number[] {
  if (!Array.isArray(answer) && !ArrayBuffer.isView(answer)) {
    throw new PredictorError(
      `The predictor "${name}" must answer with an array of numbers, one per sample, but it gave ` +
        `${answer === null ? 'null' : `a value of type ${typeof answer}`}.`,
    );
  }
  const rewards = Array.from(answer as unknown as ArrayLike<number>);
  if (rewards.length !== samples.length) {
    throw new PredictorError(
      `The predictor "${name}" was given ${samples.length} samples but answered with ${rewards.length} numbers; ` +
        'one per sample is needed, in the same order.',
    );
  }
  for (const [i, reward] of rewards.entries())
    requireNumber(reward, name, samples[i]!.promptId, samples[i]!.responseId);
  return rewards;
}

function requireNumber(reward: unknown, name: string, promptId: string, responseId: string): void {
  if (typeof reward === 'number' && Number.isFinite(reward)) return;
  const shown =
    typeof reward === 'number' ? String(reward) : `a value of type ${reward === null ? 'null' : typeof reward}`;
  throw new PredictorError(
    `The predictor "${name}" gave ${shown} for response ${responseId} of prompt ${promptId}; a finite number is ` +
      'needed.',
  );
}

/**
 * Runs a predictor and checks its answer, whether or not `definePredictor` made it.
 * @throws PredictorError for an invalid answer or an error thrown by the predictor; the signal's reason when aborted.
 */
export async function runPredictor(
  predictor: Predictor,
  prompts: readonly PreferencePrompt[],
  options: ScoringOptions = {},
): Promise<PromptScores[]> {
  options.signal?.throwIfAborted();
  let scores: PromptScores[];
  try {
    scores = await predictor.scorePrompts(prompts, options);
  } catch (error) {
    options.signal?.throwIfAborted();
    // Their messages already are sentences about the user's data or module.
    if (error instanceof PredictorError || error instanceof DataError || error instanceof TokenizerError) throw error;
    throw new PredictorError(`The predictor "${predictor.name}" failed: ${messageOf(error)}`, { cause: error });
  }
  options.signal?.throwIfAborted();
  requireScores(scores, prompts, predictor.name);
  return scores;
}

function requireScores(scores: unknown, prompts: readonly PreferencePrompt[], name: string): void {
  if (!Array.isArray(scores) || scores.length !== prompts.length) {
    const given = Array.isArray(scores) ? `${scores.length} entries` : `a value of type ${typeof scores}`;
    throw new PredictorError(
      `The predictor "${name}" was given ${prompts.length} prompts but answered with ${given}; one entry { ` +
        'rewards } a prompt is needed.',
    );
  }
  for (const [i, prompt] of prompts.entries()) {
    const entry = scores[i] as Partial<PromptScores> | null | undefined;
    for (const list of ['rewards', 'tokens', 'truncated'] as const) {
      if (list !== 'rewards' && entry?.[list] === undefined) continue;
      if (entry?.[list]?.length !== prompt.responses.length) {
        throw new PredictorError(
          `The predictor "${name}" gave ${entry?.[list]?.length ?? 'no'} ${list} for prompt ${prompt.id}, which ` +
            `has ${prompt.responses.length} responses.`,
        );
      }
    }
    for (const [r, reward] of entry!.rewards!.entries()) {
      if (reward !== null) requireNumber(reward, name, prompt.id, prompt.responses[r]!.id);
    }
  }
}
