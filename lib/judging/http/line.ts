import type { Carrier } from '../../files/http';
import { ConnectionError, proxyFor } from '../../files/proxy';
import { JudgeError } from '../errors';
import type { Asked } from './errors';
import { KEY_VARIABLE, secretParameters, shownUrl, type EndpointOptions } from './options';
import { Secrets } from './secrets';

/** How an endpoint is reached: the same for all requests. */
export interface Line {
  /** Where to send, with its parameters. */
  address: string;
  asked: Asked;
  headers: Readonly<Record<string, string>>;
  secrets: Secrets;
  timeoutMs: number;
  carrier: Carrier;
  /** Fields that the user added to the request. */
  extra: Readonly<Record<string, unknown>>;
}

export function lineOf(
  url: string,
  key: string | undefined,
  options: EndpointOptions,
  headers: Readonly<Record<string, string>>,
  carrier: Carrier,
): Line {
  const own = Object.fromEntries(Object.entries(headers).map(([name, value]) => [name.toLowerCase(), value]));
  return {
    address: url,
    asked: {
      url: shownUrl(url),
      model: options.model,
      keyVariable: options.keyVariable ?? KEY_VARIABLE,
      hasKey: key !== undefined,
      headers: Object.keys(own),
    },
    headers: {
      accept: 'application/json, text/event-stream',
      ...(key === undefined ? {} : { authorization: `Bearer ${key}` }),
      ...own,
      'content-type': 'application/json',
    },
    secrets: new Secrets([
      ...(key === undefined ? [] : [key]),
      ...secretsOf(own),
      ...secretParameters(url),
      ...proxySecrets(url),
    ]),
    timeoutMs: options.timeoutMs ?? 300_000,
    carrier,
    extra: options.extra ?? {},
  };
}

/** For `Bearer KEY`, also the key alone. */
const secretsOf = (headers: Readonly<Record<string, string>>) =>
  Object.values(headers).flatMap((value) => [value, ...value.split(/\s+/)]);

/** @throws JudgeError if the environment's proxy setting for this address is not valid. */
function proxySecrets(url: string): string[] {
  try {
    return proxyFor(new URL(url))?.secrets ?? [];
  } catch (error) {
    throw error instanceof ConnectionError ? new JudgeError(error.message, { cause: error }) : error;
  }
}
