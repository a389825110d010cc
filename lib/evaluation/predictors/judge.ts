// A generative judge as a predictor: it is shown pairs of responses and says which is better. The Completer decides
// where its answers come from.

import { createHash } from 'node:crypto';
import { DataError } from '../../data/errors';
import type { Message, PreferencePrompt, Response } from '../../data/types';
import { maxTokensOf } from '../../generation/options';
import type { Completer, Completion, CompletionOptions } from '../../judging/completer';
import { letterProbability } from '../../judging/letters';
import { bothOrders, pairsToJudge, type PairOrders, type Showing } from '../../judging/pair_orders';
import { bindParser, type BoundParser } from '../../judging/parsers/registry';
import { type JudgeTemplate, renderPair, transcript } from '../../judging/templates/template';
import type { TemplateChoice } from '../../judging/templates/registry';
import { comparisonMargin } from '../metrics/comparisons';
import type { Comparison, Judgement } from '../metrics/types';
import type { Predictor, PromptScores, ScoringOptions } from './predictor';
import { PredictorError } from '../../judging/errors';
import { knob } from '../../text/knobs';

/** How a judge compares responses. */
export interface JudgePredictorOptions {
  /** The judge, as returned by `openEndpoint` or `openLocalJudge`. */
  completer: Completer;
  /** The prompt, as returned by `findJudgeTemplate`. */
  templates: TemplateChoice;
  /** `text` (the default): the answer is parsed. `logits`: the probability of A against B at its first token. */
  mode?: 'text' | 'logits';
  /** `bothOrders` by default. */
  orders?: PairOrders;
  /** Greedy, with at most 4096 tokens by default; `maxNewTokens` is another name of `maxTokens`. */
  completion?: Partial<CompletionOptions> & { maxNewTokens?: number };
}

/** The maximum that endpoints give. */
const FIRST_TOKENS = 20;

/** One judgement to request: two responses of a prompt in one order. */
interface Task extends Showing {
  prompt: number;
  template: JudgeTemplate;
}

/**
 * Judges every pair whose order is known (`pairsToJudge`). The rewards are fractions of wins, so that benchmarks with
 * two responses per prompt follow the verdicts; metrics use the comparisons themselves. Disposing of the predictor
 * disposes of the completer.
 */
export function judgePredictor(options: JudgePredictorOptions): Predictor {
  const { completer, templates, mode = 'text', orders = bothOrders } = options;
  const parsers = new Map(
    templates.templates.map((template) => [
      template,
      bindParser(template.parser.name, template.parser.options, template.reasoning),
    ]),
  );
  const { maxTokens, maxNewTokens, ...others } = options.completion ?? {};
  const sampling = { temperature: 0, maxTokens: maxTokensOf({ maxTokens, maxNewTokens }) ?? 4096, ...others };
  const completion: CompletionOptions =
    mode === 'logits' ? { ...sampling, maxTokens: 1, firstTokens: FIRST_TOKENS } : sampling;
  return {
    name: completer.name,
    async scorePrompts(prompts, control) {
      const tasks = tasksOf(prompts, orders, templates);
      // Checked before anything is requested and paid for.
      for (const { prompt, first, template } of tasks)
        textOf(prompts[prompt]!.responses[first]!, prompts[prompt]!, template);
      const completions = await completer.complete(conversations(prompts, tasks), completion, {
        ...(control.signal ? { signal: control.signal } : {}),
        onCompletion: progressOf(prompts, tasks, completer, control),
      });
      const judgements = tasks.map((task, i) =>
        judgementOf(task, completions[i]!, mode, parsers.get(task.template)!, completer.name),
      );
      return scoresOf(prompts, tasks, judgements, orders);
    },
    describe: () => ({
      judge: completer.name,
      mode,
      order: orders.name,
      template: {
        name: templates.name,
        sha256: createHash('sha256').update(JSON.stringify(templates.templates)).digest('hex'),
      },
      ...(mode === 'text'
        ? { parser: [...parsers.values()][0]!.description }
        : { letters: templates.templates[0]!.letters }),
      sampling: completion,
      ...completer.describe?.(),
    }),
    dispose: () => completer.dispose?.(),
  };
}

function tasksOf(prompts: readonly PreferencePrompt[], orders: PairOrders, templates: TemplateChoice): Task[] {
  const pairs = pairsToJudge(prompts);
  return prompts.flatMap((prompt, p) => {
    const template = templates.templateFor(prompt.prompt);
    return orders.showings(prompt, pairs[p]!).map((showing) => ({ ...showing, prompt: p, template }));
  });
}

/** Rendered on demand: all of them at once would hold every text several times. */
function* conversations(prompts: readonly PreferencePrompt[], tasks: readonly Task[]): Generator<Message[]> {
  for (const { prompt: p, template, first, second } of tasks) {
    const prompt = prompts[p]!;
    const text = (index: number) => textOf(prompt.responses[index]!, prompt, template);
    yield renderPair(template, {
      prompt: prompt.prompt,
      ...(prompt.systemPrompt === undefined ? {} : { systemPrompt: prompt.systemPrompt }),
      responseA: text(first),
      responseB: text(second),
    });
  }
}

function textOf(
  { id, content, messages, source }: Response,
  prompt: PreferencePrompt,
  template: JudgeTemplate,
): string {
  if (messages && messages.length > 1) return transcript(messages, template.roles);
  if (content === undefined)
    throw new DataError(
      source ?? prompt.source,
      `a judge reads texts, but response ${id} holds only token ids; give its text as "content"`,
    );
  return content;
}

/** A prompt's responses count as done when all its judgements are. */
function progressOf(
  prompts: readonly PreferencePrompt[],
  tasks: readonly Task[],
  completer: Completer,
  { onProgress }: ScoringOptions,
): (index: number) => void {
  const left = new Int32Array(prompts.length);
  for (const { prompt } of tasks) left[prompt]!++;
  const total = prompts.reduce((sum, { responses }) => sum + responses.length, 0);
  let done = prompts.reduce((sum, { responses }, p) => sum + (left[p] === 0 ? responses.length : 0), 0);
  return (index) => {
    const prompt = tasks[index]!.prompt;
    left[prompt]!--;
    if (left[prompt] === 0) done += prompts[prompt]!.responses.length;
    const tokens = (completer as { tokens?: number }).tokens;
    onProgress?.({ done, total, ...(tokens === undefined ? {} : { tokens }) });
  };
}

function judgementOf(
  { first, second, template }: Task,
  completion: Completion,
  mode: 'text' | 'logits',
  parser: BoundParser,
  name: string,
): Judgement {
  const { text, finish, firstTokens, said } = completion;
  const shown = { first, second, finish, answer: text, ...(said === undefined ? {} : { said }) };
  if (finish === 'filtered' || finish === 'too_long') return { ...shown, verdict: 'unparsable' };
  if (mode === 'text') return { ...shown, verdict: parser.parse(text) ?? 'unparsable' };
  if (!firstTokens) {
    throw new PredictorError(
      `The judge ${name} gives no probabilities of tokens ("logprobs"), which letter-logit judging reads; use ` +
        `${knob('judgeMode', 'text')}.`,
    );
  }
  const probability = letterProbability(firstTokens, template.letters);
  // Only one token was requested, so "cut off at the limit" says nothing.
  const { finish: _, ...rest } = shown;
  if (probability === undefined) return { ...rest, verdict: 'unparsable' };
  return { ...rest, probability, verdict: probability > 0.5 ? 'A' : probability < 0.5 ? 'B' : 'tie' };
}

function scoresOf(
  prompts: readonly PreferencePrompt[],
  tasks: readonly Task[],
  judgements: readonly Judgement[],
  orders: PairOrders,
): PromptScores[] {
  const comparisons: Comparison[][] = prompts.map(() => []);
  for (const [i, { prompt, chosen, rejected }] of tasks.entries()) {
    const last = comparisons[prompt]!.at(-1);
    if (last && last.chosen === chosen && last.rejected === rejected) last.judgements.push(judgements[i]!);
    else comparisons[prompt]!.push({ chosen, rejected, judgements: [judgements[i]!] });
  }
  return prompts.map((prompt, p) => ({
    rewards: sharesOfWins(prompt.responses.length, comparisons[p]!),
    comparisons: comparisons[p]!,
    // The original groups prompts by the question's text within a category.
    ...(orders.name === 'cheems' ? { question: JSON.stringify([prompt.category, prompt.prompt]) } : {}),
  }));
}

/** The mean over a response's pairs of 1 (won), 0 (lost) or a value in between. Null: it is in no pair. */
function sharesOfWins(responses: number, comparisons: readonly Comparison[]): (number | null)[] {
  const won = new Float64Array(responses);
  const pairs = new Int32Array(responses);
  for (const comparison of comparisons) {
    const margin = comparisonMargin(comparison);
    won[comparison.chosen]! += (1 + margin) / 2;
    won[comparison.rejected]! += (1 - margin) / 2;
    pairs[comparison.chosen]!++;
    pairs[comparison.rejected]!++;
  }
  return Array.from(won, (sum, i) => (pairs[i] === 0 ? null : sum / pairs[i]!));
}
