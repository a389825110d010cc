// The options of an endpoint and of its requests, checked.

import { JudgeError } from '../errors';
import type { Prices } from './spending';
import { knob } from '../../text/knobs';

/** The key's environment variable by default. */
export const KEY_VARIABLE = 'OPENAI_API_KEY';

/** An endpoint with OpenAI's chat API, and how requests are made. */
export interface EndpointOptions {
  /** The base address, `https://host/v1`; `/chat/completions` is added if it is missing. */
  endpoint: string;
  /** The model's name at the endpoint. */
  model: string;
  /** Environment variable with the key (OPENAI_API_KEY by default). If it is not set, no key is sent. */
  keyVariable?: string;
  /** Requests in flight at once (8). */
  concurrency?: number;
  /** Retries after the first attempt (8). */
  retries?: number;
  /** Timeout of one attempt, in milliseconds (300,000). */
  timeoutMs?: number;
  /**
   * Exponential backoff: pauses between attempts double from the first value to the second (1,000 and 60,000 ms); each
   * is lengthened at random up to twofold.
   */
  backoffMs?: { from: number; to: number };
  /** Pauses requested by Retry-After are kept up to this length (600,000 ms); a longer one ends the run. */
  longestPauseMs?: number;
  /**
   * Additional fields of the request; null removes a field, so that `{max_tokens: null, max_completion_tokens: 100}`
   * renames one.
   */
  extra?: Record<string, unknown>;
  /**
   * Additional headers, such as `{'api-key': …}`. Their values are secrets: never written, never shown, and not part of
   * the cache's key.
   */
  headers?: Record<string, string>;
  /** Where answers are kept; absent: nowhere. */
  cacheFile?: string | undefined;
  /** Prices per million tokens, to count the cost. */
  prices?: Prices;
}

const SECRET_PARAMETER = new RegExp(
  '^(?:(?:[a-z]+[-_])*(?:api[-_]?)?key|(?:[a-z]+[-_])*(?:token|secret|signature)|apikey|sig|' +
    'auth(?:orization)?|code|pass(?:word)?|credentials?)$',
  'i',
);
/** The one parameter that messages show. */
const SHOWN_PARAMETER = 'api-version';

/** The address to send to. @throws JudgeError if it is not an http address, or holds a secret. */
export function completionsUrl(endpoint: string): string {
  let url: URL;
  try {
    url = new URL(endpoint.trim());
  } catch {
    const holdsSecret = endpoint.includes('@') || endpoint.includes('?');
    const shown = holdsSecret ? '' : ` (${JSON.stringify(endpoint)})`;
    throw new JudgeError(
      `${knob('judgeEndpoint')}${shown} is no address; give the base address of the service, such as ` +
        'http://localhost:8000/v1.',
    );
  }
  // Not shown: it may hold a password.
  const instead =
    `give the key in an environment variable (${knob('judgeKeyEnv')}), or in a header (${knob('judgeHeader')}), ` +
    'instead.';
  if (url.username !== '' || url.password !== '')
    throw new JudgeError(`${knob('judgeEndpoint')} holds a name or password; ${instead}`);
  const secret = [...url.searchParams.keys()].find((name) => SECRET_PARAMETER.test(name));
  if (secret !== undefined)
    throw new JudgeError(`${knob('judgeEndpoint')} holds a secret (the parameter "${secret}"); ${instead}`);
  if (url.protocol !== 'http:' && url.protocol !== 'https:')
    throw new JudgeError(`${knob('judgeEndpoint')} (${endpoint}) must begin with http:// or https://.`);
  url.hash = '';
  url.pathname = url.pathname.replace(/\/+$/, '');
  if (!url.pathname.endsWith('/chat/completions')) url.pathname += '/chat/completions';
  if (url.pathname.includes('/openai/deployments/') && !url.searchParams.has(SHOWN_PARAMETER)) {
    throw new JudgeError(
      `${knob('judgeEndpoint')} is an Azure deployment (${shownUrl(url.href)}) without its version; add it as ` +
        `Azure's ` +
        `page on the deployment ` +
        'shows it, such as ?api-version=2024-10-21.',
    );
  }
  return url.href;
}

/** As messages show it: without parameters, which may hold unexpected secrets. */
export function shownUrl(address: string): string {
  const { origin, pathname, searchParams } = new URL(address);
  const version = searchParams.get(SHOWN_PARAMETER);
  return `${origin}${pathname}${version === null ? '' : `?${SHOWN_PARAMETER}=${version}`}`;
}

/** Values of an address's parameters that may be secrets, under whatever name. */
export function secretParameters(address: string): string[] {
  return [...new URL(address).searchParams].flatMap(([name, value]) => (name === SHOWN_PARAMETER ? [] : [value]));
}
