// One wave: prompts that advance through the engine together until each has ended.

import { Finish } from '../engine/types.generated';
import { memoryReserve } from '../options/engine';
import type { EngineCausalModel } from '../engine/types';
import type { TextTokenizer } from '../tokenization/text_tokenizer';
import { AnswerText, type AnswerParts } from './answer_text';
import type { Sampling } from './options';
import { packPrompts } from './waves';

export interface WavePrompt {
  ids: Int32Array;
  thoughts?: string;
  before?: readonly number[];
  /** Its own random stream. */
  sequence: number;
}

export interface WaveSetting {
  model: EngineCausalModel;
  tokenizer: TextTokenizer;
  stopTokens: readonly number[];
  sampling: Sampling;
  microBatchTokens: number;
  /** Size of the key/value cache in tokens; undefined: what memory allows. */
  cacheTokens?: number | undefined;
  /** GiB of the device's memory to leave unused; undefined: the device's default. */
  reserve?: number | undefined;
  signal: AbortSignal | undefined;
}

export type WaveAnswer = AnswerParts & { finish: 'stop' | 'length' };

/** Steps between two checks of the texts. After a stop string the engine continues until the next check. */
const STEPS = 32;
const STEPS_WITH_STOP_STRINGS = 8;

/** Calls `onAnswer` for each prompt as soon as it has ended. Rejects with the signal's reason when aborted. */
export async function runWave(
  prompts: readonly WavePrompt[],
  setting: WaveSetting,
  onAnswer: (index: number, answer: WaveAnswer) => void,
): Promise<void> {
  const { model, tokenizer, sampling, microBatchTokens, cacheTokens, reserve, signal } = setting;
  const { maxTokens, temperature, topK, topP, seed, stop } = sampling;
  const stopTokens = new Set(setting.stopTokens);
  const work = signal ? { signal } : {};
  const generation = await model.startGeneration(
    packPrompts(prompts.map(({ ids }) => ids)),
    {
      maxNewTokens: maxTokens,
      temperature,
      topK,
      topP,
      seed,
      microBatchTokens,
      sequenceNumbers: Int32Array.from(prompts, ({ sequence }) => sequence),
      stopTokens: [...stopTokens],
      ...(cacheTokens === undefined ? {} : { cacheTokens }),
      ...memoryReserve(reserve),
    },
    work,
  );
  try {
    const running = new Map(
      prompts.map(({ thoughts, before }, i) => [i, new AnswerText(tokenizer, { stop, stopTokens, thoughts, before })]),
    );
    let ended: number[] = [];
    while (running.size > 0) {
      const { tokens, counts, finished } = await generation.advance(stop.length > 0 ? STEPS_WITH_STOP_STRINGS : STEPS, {
        stop: ended,
        ...work,
      });
      ended = [];
      let next = 0;
      for (let i = 0; i < prompts.length; i += 1) {
        const fresh = tokens.subarray(next, (next += counts[i]!));
        const text = running.get(i);
        if (!text) continue;
        const stopped = text.push(fresh);
        if (!stopped && finished[i] === Finish.running) continue;
        running.delete(i);
        if (finished[i] === Finish.running) ended.push(i);
        const answer = text.finish();
        onAnswer(i, { ...answer, finish: answer.stopped || finished[i] === Finish.stopToken ? 'stop' : 'length' });
      }
    }
  } finally {
    await generation.dispose();
  }
}
