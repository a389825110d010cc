// What can go wrong between here and an endpoint: whether another attempt may help, and the sentence for the person.

import { PredictorError } from '../../predictors/predictor';

interface Trouble {
  kind: string;
  retryable?: boolean;
  retryAfter?: number | undefined;
  cause?: unknown;
}

/** An attempt, or all of them, failed. The message is a full sentence and never holds the key. */
export class EndpointError extends PredictorError {
  override readonly name = 'EndpointError';
  /** Whether a later attempt may succeed. */
  readonly retryable: boolean;
  /** What kind of trouble it was, for counting: "429", "time-out". */
  readonly kind: string;
  /** How long the endpoint asks to wait, in milliseconds. */
  readonly retryAfter: number | undefined;

  constructor(message: string, { kind, retryable = false, retryAfter, cause }: Trouble) {
    super(message, cause === undefined ? {} : { cause });
    this.kind = kind;
    this.retryable = retryable;
    this.retryAfter = retryAfter;
  }
}

/** What stands in for secrets in any text that came from outside. */
export function redact(text: string, key: string | undefined): string {
  const known = key ? text.replaceAll(key, '[key]') : text;
  return known.replaceAll(/\b(?:sk|pk|rk)-[A-Za-z0-9*_-]{3,}/g, '[key]').replaceAll(/Bearer\s+[^\s"']+/gi, 'Bearer [key]');
}

export interface Asked {
  url: string;
  model: string;
  /** The variable that the key comes from, and whether it was set. */
  keyVariable: string;
  hasKey: boolean;
}

/** The error for a status that is no answer. `detail` is what the endpoint said, redacted. */
export function statusError(status: number, detail: { message: string; code: string }, retryAfter: number | undefined, asked: Asked): EndpointError {
  const said = detail.message === '' ? '' : ` It says: "${shorten(detail.message)}".`;
  const fail = (sentence: string, retryable = false) => new EndpointError(`${sentence}${said}`, { kind: String(status), retryable, retryAfter });
  const { url, model, keyVariable, hasKey } = asked;
  if (status >= 300 && status < 400) return fail(`${url} sends elsewhere (${status}); give the address it leads to as the endpoint.`);
  if (status === 401 || status === 403) {
    return fail(
      hasKey
        ? `${url} refuses the key (${status}) from the environment variable ${keyVariable}: it is wrong, or not allowed to use ${model}.`
        : `${url} asks for a key (${status}), but the environment variable ${keyVariable} is not set; set it, or name another one with --judge_key_env.`,
    );
  }
  if (status === 402) return fail(`${url} asks for payment (402).`);
  if (status === 404) {
    return fail(`${url} is not there, or does not know the model "${model}" (404). Check --judge_endpoint, which as a rule ends with /v1, and --judge_model.`);
  }
  if (status === 429 && /insufficient_quota|billing/i.test(detail.code)) return fail(`The account's quota at ${url} is used up (429).`);
  if (status === 429) return fail(`${url} has too many requests (429).`, true);
  if ([408, 409, 425].includes(status) || (status >= 500 && status !== 501)) return fail(`${url} answers with status ${status}.`, true);
  return fail(`${url} refuses the request (${status}).`);
}

/** The error for a connection that failed. */
export function networkError(error: unknown, asked: Asked, timeoutMs: number): EndpointError {
  const name = (error as Error | undefined)?.name;
  const cause = (error as { cause?: { code?: string; message?: string } }).cause;
  const code = cause?.code ?? (error as { code?: string }).code ?? '';
  const fail = (sentence: string, kind: string, retryable = true) => new EndpointError(sentence, { kind, retryable, cause: error });
  const { url } = asked;
  if (name === 'TimeoutError' || /TIMEOUT|TIMEDOUT/.test(code)) return fail(`${url} gave no answer within ${timeoutMs / 1000} s; --judge_timeout gives it longer.`, 'time-out');
  if (code === 'ECONNREFUSED') return fail(`Nothing listens at ${url}; check --judge_endpoint, and that the server runs.`, 'refused');
  if (code === 'ENOTFOUND') return fail(`The host of ${url} is not known; check --judge_endpoint.`, 'unknown host');
  if (/CERT|SSL|TLS/.test(code)) return fail(`The certificate of ${url} is not accepted (${code}).`, 'certificate', false);
  return fail(`The connection to ${url} broke (${code || cause?.message || (error as Error).message}).`, 'connection');
}

const shorten = (text: string) => (text.length > 300 ? `${text.slice(0, 300)}…` : text);
