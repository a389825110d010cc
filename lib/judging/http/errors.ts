// What can go wrong between this program and an endpoint: whether another attempt may help, and the sentence for the
// user.

import { causesOf, certificateTrouble, proxyTrouble, throughProxy } from '../../files/network_errors';
import { ConnectionError, type Proxy } from '../../files/proxy';
import { PredictorError } from '../errors';
import type { Said } from './refusals';
import { knob } from '../../text/knobs';

interface Trouble {
  kind: string;
  retryable?: boolean;
  retryAfter?: number | undefined;
  said?: Said | undefined;
  hasRemedy?: boolean;
  cause?: unknown;
}

/** An attempt, or all of them, failed. The message is a full sentence and never holds a secret. */
export class EndpointError extends PredictorError {
  override readonly name = 'EndpointError';
  /** Whether a later attempt may succeed. */
  readonly retryable: boolean;
  /** The kind of problem, for counting: "429", "time-out". */
  readonly kind: string;
  /** How long the endpoint asks the client to wait, in milliseconds. */
  readonly retryAfter: number | undefined;
  /** What the endpoint said, if it refused the request. */
  readonly said: Said | undefined;
  /** Whether the message says what to change in the request, or concerns the account, and not one conversation. */
  readonly hasRemedy: boolean;
  /** Number of attempts, including this one. */
  attempts = 1;

  constructor(message: string, { kind, retryable = false, retryAfter, said, hasRemedy = false, cause }: Trouble) {
    super(message, cause === undefined ? {} : { cause });
    this.kind = kind;
    this.retryable = retryable;
    this.retryAfter = retryAfter;
    this.said = said;
    this.hasRemedy = hasRemedy;
  }
}

export interface Asked {
  /** In the form shown in messages. */
  url: string;
  model: string;
  /** The variable with the key, and whether it was set. */
  keyVariable: string;
  hasKey: boolean;
  /** Names of additional headers. */
  headers: readonly string[];
}

/** Codes and sentences about accounts without credit: waiting does not help. */
const SPENT_CODE = new RegExp(
  [
    'insufficient_?(?:user_)?(?:quota|balance|funds)|exceeded_current_quota|quota_(?:exceeded|not_enough)',
    'billing|arrear|overdue',
    '\\b1113\\b|\\b30001\\b', // Zhipu, SiliconFlow
  ].join('|'),
  'i',
);
const SPENT_SENTENCE = new RegExp(
  [
    '欠费|余额(?:不足|不够)|额度(?:不足|已?用[尽完])',
    'balance is (?:insufficient|not enough)|insufficient (?:account )?(?:balance|funds)|in arrears',
  ].join('|'),
  'i',
);

/**
 * The error for an HTTP error status. `said` is what the endpoint said, redacted; `remedy` is what helps against it.
 */
export function statusError(
  status: number,
  said: Said,
  retryAfter: number | undefined,
  asked: Asked,
  remedy = '',
): EndpointError {
  const isSpent = SPENT_CODE.test(said.code) || SPENT_SENTENCE.test(said.message);
  const words = said.message === '' ? '' : ` It says: "${shorten(said.message)}".`;
  const fail = (sentence: string, retryable = false) =>
    new EndpointError(`${sentence}${words}${remedy === '' ? '' : ` ${remedy}`}`, {
      kind: String(status),
      retryable,
      retryAfter,
      said,
      hasRemedy: remedy !== '' || isSpent,
    });
  const { url, model } = asked;
  if (status >= 300 && status < 400)
    return fail(`${url} sends elsewhere (${status}); give the address it leads to as the endpoint.`);
  if (isSpent && [400, 401, 403, 429].includes(status))
    return fail(`The account's quota at ${url} is used up (${status}).`);
  if (status === 402) return fail(`${url} asks for payment (402).`);
  if (status === 401 || (status === 403 && remedy === '')) return fail(refusedKey(status, asked));
  if (status === 404) {
    const address = /[?&]api-version=/.test(url) ? 'which must name a deployment' : 'which as a rule ends with /v1';
    return fail(
      `${url} is not there, or does not know the model "${model}" (404). Check ${knob('judgeEndpoint')}, ${address}, ` +
        `and ${knob('judgeModel')}.`,
    );
  }
  if (status === 405)
    return fail(
      `${url} takes no chat completions (405). Check ${knob('judgeEndpoint')}, which as a rule ends with /v1.`,
    );
  if (status === 429) return fail(`${url} has too many requests (429).`, true);
  if ([408, 409, 425].includes(status) || (status >= 500 && status !== 501))
    return fail(`${url} answers with status ${status}.`, true);
  return fail(`${url} refuses the request (${status}).`);
}

function refusedKey(status: number, { url, model, keyVariable, hasKey, headers }: Asked): string {
  const given = headers.length === 0 ? '' : ` and the headers of ${knob('judgeHeader')} (${headers.join(', ')})`;
  if (hasKey)
    return (
      `${url} refuses the key (${status}) from the environment variable ${keyVariable}${given}: it is ` +
      `wrong, or not allowed to use ${model}.`
    );
  const unset = `the environment variable ${keyVariable} is not set`;
  if (given !== '')
    return (
      `${url} refuses the request (${status}) with the headers of ${knob('judgeHeader')} (${headers.join(', ')}), ` +
      `and ${unset}.`
    );
  return (
    `${url} asks for a key (${status}), but ${unset}; set it, or name another one with ${knob('judgeKeyEnv')}. ` +
    `A key that goes into another header, such as Azure's, is given by ${knob('judgeHeader', 'api-key: …')}.`
  );
}

/** The error for a connection that failed. */
export function networkError(error: unknown, asked: Asked, timeoutMs: number, proxy: Proxy | undefined): EndpointError {
  const causes = causesOf(error);
  const codes = causes.map(({ code }) => code).filter((code) => code !== '');
  const fail = (sentence: string, kind: string, retryable = true) =>
    new EndpointError(sentence, { kind, retryable, cause: error });
  const { url } = asked;
  if (error instanceof ConnectionError) return fail(error.message, 'proxy', error.retryable);
  const isTimeout = (error as Error | undefined)?.name === 'TimeoutError';
  const trouble = proxy && !isTimeout ? proxyTrouble(error, proxy, new URL(url)) : undefined;
  if (trouble) return fail(trouble.message, trouble.retryable ? 'proxy' : 'proxy refuses', trouble.retryable);
  const way = throughProxy(proxy);
  if (isTimeout || codes.some((code) => /TIMEOUT|TIMEDOUT/.test(code))) {
    return fail(
      `${url}${way} gave no answer within ${timeoutMs / 1000} s; ${knob('judgeTimeout')} gives it longer.`,
      'time-out',
    );
  }
  if (codes.includes('ECONNREFUSED'))
    return fail(`Nothing listens at ${url}; check ${knob('judgeEndpoint')}, and that the server runs.`, 'refused');
  if (codes.includes('ENOTFOUND'))
    return fail(`The host of ${url} is not known; check ${knob('judgeEndpoint')}.`, 'unknown host');
  const certificate = certificateTrouble(error, new URL(url).host);
  if (certificate) return fail(certificate.message, 'certificate', false);
  const last = causes.at(-1);
  return fail(
    `The connection to ${url}${way} broke (${codes.at(-1) ?? last?.message ?? String(error)}).`,
    'connection',
  );
}

export const shorten = (text: string) => (text.length > 300 ? `${text.slice(0, 300)}…` : text);
