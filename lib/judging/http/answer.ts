// Checks an endpoint's answer: only what is used is required, because servers differ in the rest.

import { z } from 'zod';
import type { Completion } from '../completer';
import { EndpointError, shorten } from './errors';
import { finishOf, isFailureReason } from './refusals';
import { isPage, titleOf } from './said';
import { knob } from '../../text/knobs';

const content = z.union([
  z.string(),
  z.null(),
  z.number().transform(String),
  z
    .array(z.looseObject({ text: z.string().optional() }))
    .transform((parts) => parts.map(({ text }) => text ?? '').join('')),
  z.looseObject({}).transform((object) => JSON.stringify(object)),
]);
/** Fields that are only counted must not invalidate an answer: a count may be text, or absent. */
const count = z
  .preprocess(
    (value) => (typeof value === 'string' && value.trim() !== '' ? Number(value) : value),
    z.number().nonnegative(),
  )
  .optional()
  .catch(undefined);
const likely = z.looseObject({ token: z.string(), logprob: z.number().nullable() });
const place = z.looseObject({ top_logprobs: z.array(likely).nullish().catch(undefined) });

const answer = z.looseObject({
  choices: z.array(
    z.looseObject({
      message: z.looseObject({
        content: content.optional(),
        refusal: z.string().nullish().catch(undefined),
        reasoning_content: z.string().nullish().catch(undefined),
        reasoning: z.string().nullish().catch(undefined),
        tool_calls: z.array(z.unknown()).nullish().catch(undefined),
      }),
      finish_reason: z.string().nullish().catch(undefined),
      logprobs: z
        .looseObject({ content: z.array(place).nullish() })
        .nullish()
        .catch(undefined),
    }),
  ),
  usage: z.looseObject({ prompt_tokens: count, completion_tokens: count }).nullish().catch(undefined),
});
type Choice = z.output<typeof answer>['choices'][number];

/**
 * An empty answer, which is requested again. If that does not help, it counts as it is, and is not cached.
 */
export class EmptyAnswer extends EndpointError {
  constructor(
    message: string,
    readonly completion: Completion,
  ) {
    super(message, { kind: 'empty answer', retryable: true });
  }
}

/**
 * A refusal that names no filter, of one conversation among others that were answered: it counts as refused and is not
 * cached.
 */
export class UnknownRefusal extends EndpointError {
  readonly completion: Completion;

  constructor({ message, kind, said }: EndpointError) {
    super(message, { kind, said });
    this.completion = { text: '', finish: 'filtered', said: shorten(said?.message || message) };
  }
}

/**
 * The JSON of a body; `hide` removes secrets from what an error shows of any other body.
 * @throws EndpointError, to be retried, if it is not JSON.
 */
export function parseBody(text: string, url: string, hide: (text: string) => string): unknown {
  try {
    return JSON.parse(text);
  } catch {
    if (isPage(text)) {
      const title = hide(titleOf(text));
      const named = title === '' ? '' : ` ("${shorten(title)}")`;
      const sentence =
        `${url} sent a web page${named} and no answer; check ${knob('judgeEndpoint')}, which as a rule ` +
        `ends with /v1.`;
      throw new EndpointError(sentence, { kind: 'web page', retryable: true });
    }
    const sentence = `${url} sent an answer that is no JSON, or is cut off after ${text.length} characters.`;
    throw new EndpointError(sentence, { kind: 'broken JSON', retryable: true });
  }
}

/**
 * `askedTokens`: the tokens that the request left for the answer.
 * @throws EndpointError, to be retried, if the body is not a completion: without choices, broken off, empty.
 */
export function completionOf(body: unknown, url: string, askedTokens?: number): Completion {
  const checked = answer.safeParse(body);
  if (!checked.success) {
    const { path, message } = checked.error.issues[0]!;
    const where = path.join('.') || 'the whole';
    const sentence = `${url} sent an answer that is no chat completion (${where}: ${message}).`;
    throw new EndpointError(sentence, { kind: 'no completion', retryable: true });
  }
  const choice = checked.data.choices[0];
  if (!choice)
    throw new EndpointError(`${url} sent an answer without choices.`, { kind: 'no choices', retryable: true });
  const reason = choice.finish_reason ?? '';
  if (isFailureReason(reason)) {
    const sentence = `${url} broke its answer off (finish reason ${JSON.stringify(reason)}).`;
    throw new EndpointError(sentence, { kind: reason, retryable: true });
  }
  const completion = { ...textsOf(choice, reason), ...usageOf(checked.data.usage) };
  requireSomething(completion, choice, url, askedTokens);
  return completion;
}

function textsOf({ message, logprobs }: Choice, reason: string): Completion {
  const refused = message.refusal && !message.content ? message.refusal : undefined;
  const finish = refused === undefined ? finishOf(reason) : 'filtered';
  const thoughts = message.reasoning_content ?? message.reasoning;
  const first = logprobs?.content?.[0]?.top_logprobs;
  const said = refused ?? (finish === 'filtered' ? `finish reason ${reason}` : undefined);
  return {
    text: message.content ?? '',
    ...(thoughts ? { reasoning: thoughts } : {}),
    finish,
    ...(said === undefined ? {} : { said }),
    ...(first
      ? { firstTokens: first.flatMap(({ token, logprob }) => (logprob === null ? [] : [{ token, logprob }])) }
      : {}),
  };
}

function usageOf(usage: z.output<typeof answer>['usage']): Pick<Completion, 'usage'> {
  const { prompt_tokens: promptTokens, completion_tokens: completionTokens } = usage ?? {};
  if (promptTokens === undefined && completionTokens === undefined) return {};
  return { usage: { promptTokens: promptTokens ?? 0, completionTokens: completionTokens ?? 0 } };
}

/**
 * An empty answer is valid only if the model ended after some token, or spent all tokens on reasoning that is not sent.
 */
function requireSomething(completion: Completion, choice: Choice, url: string, askedTokens = Infinity): void {
  const { text, reasoning, finish, firstTokens, usage } = completion;
  if (
    text !== '' ||
    reasoning !== undefined ||
    finish === 'filtered' ||
    firstTokens?.length ||
    choice.message.tool_calls?.length
  )
    return;
  const tokens = usage?.completionTokens;
  if ((finish === 'stop' && tokens !== 0) || (finish === 'length' && (tokens ?? 0) >= askedTokens)) return;
  const told = `finish reason ${choice.finish_reason || 'none'}, ${tokens ?? 'no count of'} tokens`;
  throw new EmptyAnswer(`${url} sent an answer without a text (${told}).`, {
    ...completion,
    said: `an answer without a text (${told})`,
  });
}
