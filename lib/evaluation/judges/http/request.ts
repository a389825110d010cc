// One attempt at one request: sent, waited for, and told apart into an answer, a refusal of the conversation, and errors.

import type { Completion } from '../completer';
import { completionOf, errorIn, refusalOf, saidIn } from './answer';
import type { Carrier } from './carrier';
import { EndpointError, networkError, redact, statusError, type Asked } from './errors';
import { retryAfterOf } from './retry_after';

export interface Attempt extends Asked {
  key: string | undefined;
  /** The request's JSON text. */
  body: string;
  timeoutMs: number;
  carrier: Carrier;
}

/** @throws EndpointError, always. Never aborted from outside but by its time limit: an answer that is paid for is waited for. */
export async function attempt({ key, body, timeoutMs, carrier, ...asked }: Attempt): Promise<Completion> {
  const { status, headers, text } = await exchange();
  const content = parsed(text);
  if (status === 200) {
    const error = errorIn(content);
    if (!error) return completionOf(text, asked.url);
    // Some routers answer 200 with the real status in the error's code.
    const code = /\b[345]\d\d\b/.exec(error.code)?.[0];
    return refusedOr(code === undefined ? 500 : Number(code), error);
  }
  return refusedOr(status, errorIn(content) ?? saidIn(content, text));

  function refusedOr(given: number, said: { message: string; code: string }): Completion {
    const refused = refusalOf(given, said);
    if (refused) return refused;
    throw statusError(given, { ...said, message: redact(said.message, key) }, retryAfterOf(headers), asked);
  }

  async function exchange() {
    try {
      const response = await carrier.fetch(asked.url, {
        method: 'POST',
        headers: { 'content-type': 'application/json', accept: 'application/json', ...(key === undefined ? {} : { authorization: `Bearer ${key}` }) },
        body,
        redirect: 'manual',
        dispatcher: carrier.dispatcher,
        signal: AbortSignal.timeout(timeoutMs),
      });
      return { status: response.status, headers: response.headers, text: await response.text() };
    } catch (error) {
      throw error instanceof EndpointError ? error : networkError(error, asked, timeoutMs);
    }
  }
}

function parsed(text: string): unknown {
  try {
    return JSON.parse(text);
  } catch {
    return undefined;
  }
}
