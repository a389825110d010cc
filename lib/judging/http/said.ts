// What an error body says: each provider has its own form.

import { isObject } from '../../support/is_object';
import type { Said } from './refusals';

type Fields = Record<string, unknown>;

const textOf = (value: unknown): string =>
  value === undefined || value === null ? '' : typeof value === 'string' ? value : JSON.stringify(value);
const join = (...codes: unknown[]): string =>
  codes.filter((code) => typeof code === 'string' || typeof code === 'number').join(' ');

/** MiniMax's codes in answers with the status 200. https://platform.minimax.io/docs/api-reference/errorcode */
const MINIMAX: Readonly<Record<number, number>> = {
  1002: 429,
  1004: 401,
  1008: 402,
  1026: 400,
  1027: 400,
  1039: 400,
  2013: 400,
  2049: 401,
  2056: 429,
};

export interface Failure extends Said {
  /** The status that the body reports, if it does. */
  status?: number;
}

/** A body with an error in it, whatever its status; undefined if there is none. */
export function failureIn(body: unknown): Failure | undefined {
  if (Array.isArray(body)) return body.length === 1 ? failureIn(body[0]) : undefined; // Gemini
  if (!isObject(body)) return undefined;
  const { error, base_resp: base, error_code: errorCode, choices, code, message } = body;
  if (error !== undefined && error !== null && error !== false) return withStatus(errorOf(error, body));
  if (isObject(base) && typeof base['status_code'] === 'number' && base['status_code'] !== 0) {
    const number = base['status_code'];
    return { message: textOf(base['status_msg']), code: join(number), status: MINIMAX[number] ?? 500 };
  }
  if (body['input_sensitive'] === true || body['output_sensitive'] === true)
    return { message: 'the content is sensitive', code: '1026', status: 400 };
  if (errorCode !== undefined && errorCode !== 0)
    return withStatus({ message: textOf(body['error_msg']), code: join(errorCode) });
  const isError =
    body['object'] === 'error' ||
    (choices === undefined && code !== undefined && ![0, '0', 200, '200'].includes(code as never));
  return isError
    ? withStatus({
        message: textOf(message ?? body['msg'] ?? body['detail'] ?? body['errors']),
        code: join(code, body['type']),
      })
    : undefined;
}

function errorOf(error: unknown, body: Fields): Said {
  if (!isObject(error)) return { message: textOf(error), code: join(body['code'], body['type']) };
  const { message, code, type, status, innererror, metadata, param } = error;
  const raw = isObject(metadata) ? textOf(metadata['raw']) : ''; // OpenRouter passes its provider's words on
  const inner = isObject(innererror) ? innererror['code'] : undefined;
  const retry = retryDelayIn(error['details']);
  const said = [textOf(message ?? error['detail']), raw, retry].filter((part) => part !== '').join(' ');
  return { message: said, code: join(code, type, status, inner), ...(typeof param === 'string' ? { param } : {}) };
}

/** Gemini gives the waiting time in a list of details. */
function retryDelayIn(details: unknown): string {
  if (!Array.isArray(details)) return '';
  const found = details.filter(isObject).find((part) => typeof part['retryDelay'] === 'string');
  return found ? `Retry in ${found['retryDelay'] as string}.` : '';
}

function withStatus(said: Said): Failure {
  const number = /\b[345]\d\d\b/.exec(said.code)?.[0];
  if (number !== undefined) return { ...said, status: Number(number) };
  if (/invalid_?request|bad_?request|invalid_?parameter|invalid_?argument/i.test(said.code))
    return { ...said, status: 400 };
  return /authentication|invalid_?api_?key|unauthorized/i.test(said.code) ? { ...said, status: 401 } : said;
}

/** What any other body says: its "detail" or "message", a page's title, or the text itself. */
export function saidIn(body: unknown, text: string): Said {
  if (!isObject(body)) return { message: text.trim().startsWith('<') ? titleOf(text) : text.trim(), code: '' };
  const { detail, message, msg, errors, code } = body;
  return { message: textOf(detail ?? message ?? msg ?? errors), code: join(code) };
}

/** The title of an HTML page, or its first heading. */
export function titleOf(page: string): string {
  const found = /<(title|h1)[^>]*>([^<]*)<\/\1>/i.exec(page);
  return found?.[2]!.replaceAll(/\s+/g, ' ').trim() ?? '';
}

export const isPage = (text: string): boolean => /^\s*<(?:!doctype|html|head|body|\?xml)/i.test(text);
