// One attempt at one request: sent, awaited, and classified as an answer, a refusal of the conversation, or an error.

import { proxyFor } from '../../files/proxy';
import type { Completion } from '../completer';
import { askedTokens, remedyFor } from './adaptation';
import { completionOf, EmptyAnswer, parseBody } from './answer';
import { EndpointError, networkError, shorten, statusError } from './errors';
import { bodyOfEvents, BrokenStream, isEventStream } from './event_stream';
import type { Line } from './line';
import { shownUrl } from './options';
import { refusalOf, type Said } from './refusals';
import { retryAfterOf } from './retry_after';
import { failureIn, saidIn } from './said';

interface Reply {
  status: number;
  headers: { get(name: string): string | null };
  text: string;
}

/**
 * @throws EndpointError, always. Aborted only by its time limit, never from outside: a paid answer is waited for.
 */
export async function attempt(line: Line, body: Readonly<Record<string, unknown>>): Promise<Completion> {
  const { asked, secrets } = line;
  const reply = await exchange(line, JSON.stringify(body));
  const { status, headers, text } = reply;
  if (status < 200 || status >= 300) {
    const content = isEventStream(headers.get('content-type'), text) ? eventsOr(text) : parsedOr(text);
    return refusedOr(status, failureIn(content) ?? saidIn(content, text));
  }
  if (text.trim() === '')
    throw new EndpointError(`${asked.url} sent an empty answer (status ${status}).`, {
      kind: 'empty answer',
      retryable: true,
    });
  const content = contentOf(reply, line);
  const failure = failureIn(content) ?? choiceFailure(content);
  // Some routers answer 200 with the real status in the error's code.
  if (failure) return refusedOr(failure.status ?? 500, failure);
  try {
    return secrets.hideIn(completionOf(content, asked.url, askedTokens(body)));
  } catch (error) {
    throw error instanceof EmptyAnswer ? new EmptyAnswer(error.message, secrets.hideIn(error.completion)) : error;
  }

  function refusedOr(given: number, found: Said): Completion {
    const said = { ...found, message: secrets.hideInMessage(found.message), code: secrets.hide(found.code) };
    const refused = refusalOf(given, said);
    if (refused)
      return {
        text: '',
        finish: refused,
        said: shorten(said.message === '' ? `status ${given} ${said.code}`.trim() : said.message),
      };
    const isRedirect = given >= 300 && given < 400;
    const remedy = isRedirect
      ? leadsTo(headers.get('location'), line.address)
      : [400, 403, 422].includes(given)
        ? remedyFor(said, body, line.extra)
        : '';
    throw statusError(given, said, retryAfterOf(headers, Date.now(), said.message), asked, remedy);
  }
}

/** Where a redirection leads, as an address for --judge_endpoint. */
function leadsTo(location: string | null, from: string): string {
  if (location === null || !URL.canParse(location, from)) return '';
  return `It leads to ${shownUrl(new URL(location, from).href).replace(/\/chat\/completions$/, '')}.`;
}

async function exchange({ address, asked, headers, timeoutMs, carrier }: Line, body: string): Promise<Reply> {
  try {
    const response = await carrier.fetch(address, {
      method: 'POST',
      headers,
      body,
      redirect: 'manual',
      dispatcher: carrier.dispatcher,
      signal: AbortSignal.timeout(timeoutMs),
    });
    return { status: response.status, headers: response.headers, text: await response.text() };
  } catch (error) {
    throw networkError(error, asked, timeoutMs, proxyFor(new URL(address)));
  }
}

function contentOf({ headers, text }: Reply, { asked: { url }, secrets }: Line): unknown {
  if (!isEventStream(headers.get('content-type'), text))
    return parseBody(text, url, (shown) => secrets.hideInMessage(shown));
  try {
    return bodyOfEvents(text);
  } catch (error) {
    if (!(error instanceof BrokenStream)) throw error;
    throw new EndpointError(`${url} sent events that make no answer: ${error.message}.`, {
      kind: 'broken stream',
      retryable: true,
    });
  }
}

/** OpenRouter reports a failure of its provider in the choice. */
function choiceFailure(content: unknown): ReturnType<typeof failureIn> {
  const choice = (content as { choices?: { error?: unknown }[] } | null)?.choices?.[0];
  return choice?.error === undefined || choice.error === null ? undefined : failureIn({ error: choice.error });
}

function parsedOr(text: string): unknown {
  try {
    return JSON.parse(text);
  } catch {
    return undefined;
  }
}

/** Refusals may also arrive as events. */
function eventsOr(text: string): unknown {
  try {
    return bodyOfEvents(text);
  } catch {
    return parsedOr(text.replace(/^\s*data: ?/, ''));
  }
}
