// An endpoint's answer, checked: only what is used is asked for, because servers differ in the rest.

import { z } from 'zod';
import type { Completion } from '../completer';
import { EndpointError } from './errors';

const content = z.union([
  z.string(),
  z.null(),
  z.array(z.looseObject({ text: z.string().optional() })).transform((parts) => parts.map(({ text }) => text ?? '').join('')),
]);

const answer = z.looseObject({
  choices: z.array(z.looseObject({
    message: z.looseObject({
      content: content.optional(),
      refusal: z.string().nullish(),
      reasoning_content: z.string().nullish(),
      reasoning: z.string().nullish(),
    }),
    finish_reason: z.string().nullish(),
    logprobs: z.looseObject({
      content: z.array(z.looseObject({ top_logprobs: z.array(z.looseObject({ token: z.string(), logprob: z.number().nullable() })).nullish() })).nullish(),
    }).nullish(),
  })),
  usage: z.looseObject({ prompt_tokens: z.number().nullish(), completion_tokens: z.number().nullish() }).nullish(),
});

/** What a body that is no answer says of itself: its "detail" or "message", the text where it is no JSON, or nothing. */
export function saidIn(body: unknown, text: string): { message: string; code: string } {
  if (typeof body !== 'object' || body === null) return { message: text.trim().startsWith('<') ? '' : text.trim(), code: '' };
  const { detail, message, code } = body as Record<string, unknown>;
  const said = detail ?? message;
  return { message: said === undefined ? '' : typeof said === 'string' ? said : JSON.stringify(said), code: typeof code === 'string' ? code : '' };
}

/** A body with "error" in it, whatever the status: its message and code. */
export function errorIn(body: unknown): { message: string; code: string } | undefined {
  const error = (body as { error?: unknown } | null)?.error;
  if (error === undefined || error === null) return undefined;
  if (typeof error !== 'object') return { message: String(error), code: '' };
  const { message, code, type, innererror } = error as Record<string, unknown>;
  const inner = (innererror as { code?: unknown } | undefined)?.code;
  const codes = [code, type, inner].filter((part) => typeof part === 'string' || typeof part === 'number');
  return { message: typeof message === 'string' ? message : '', code: codes.join(' ') };
}

/** A refusal of this one conversation, which no later attempt changes; undefined where the error is of another kind. */
export function refusalOf(status: number, { message, code }: { message: string; code: string }): Completion | undefined {
  if (status !== 400 && status !== 413 && status !== 422) return undefined;
  if (/content_filter|ResponsibleAIPolicy|content_policy|data_inspection_failed/i.test(code)) return { text: '', finish: 'filtered' };
  const tooLong = /context_length|context length|maximum (?:context|input|model) length|too long|longer than the (?:model|context)|range of input length/i;
  return status === 413 || tooLong.test(`${code} ${message}`) ? { text: '', finish: 'too_long' } : undefined;
}

/** @throws EndpointError, to be tried again, where the body is no completion: cut off, without choices. */
export function completionOf(text: string, url: string): Completion {
  let body: unknown;
  try {
    body = JSON.parse(text);
  } catch {
    const sentence = `${url} sent an answer that is no JSON, or is cut off after ${text.length} characters.`;
    throw new EndpointError(sentence, { kind: 'broken JSON', retryable: true });
  }
  const checked = answer.safeParse(body);
  if (!checked.success) {
    const { path, message } = checked.error.issues[0]!;
    throw new EndpointError(`${url} sent an answer that is no chat completion (${path.join('.') || 'the whole'}: ${message}).`, { kind: 'no completion', retryable: true });
  }
  const choice = checked.data.choices[0];
  if (!choice) throw new EndpointError(`${url} sent an answer without choices.`, { kind: 'no choices', retryable: true });
  const { message, finish_reason: reason, logprobs } = choice;
  const first = logprobs?.content?.[0]?.top_logprobs;
  const thoughts = message.reasoning_content ?? message.reasoning;
  const { prompt_tokens: promptTokens, completion_tokens: completionTokens } = checked.data.usage ?? {};
  return {
    text: message.content ?? message.refusal ?? '',
    ...(thoughts ? { reasoning: thoughts } : {}),
    finish: reason === 'stop' || reason === 'length' ? reason : reason === 'content_filter' ? 'filtered' : 'other',
    ...(first ? { firstTokens: first.flatMap(({ token, logprob }) => (logprob === null ? [] : [{ token, logprob }])) } : {}),
    ...(checked.data.usage ? { usage: { promptTokens: promptTokens ?? 0, completionTokens: completionTokens ?? 0 } } : {}),
  };
}
