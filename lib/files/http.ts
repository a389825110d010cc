// HTTP through the proxies that the environment names, for all requests to other machines: judges, the hub, data. Node
// 20's own fetch ignores these variables.

import type { Dispatcher, fetch as UndiciFetch } from 'undici';
import { certificateTrouble, proxyTrouble } from './network_errors';
import { hasProxy, proxyFor } from './proxy';

type Fetch = typeof globalThis.fetch;

export interface Carrier {
  fetch: typeof UndiciFetch;
  /** Connections, kept open between requests. Each address uses its own proxy, also after redirections. */
  dispatcher: Dispatcher;
}

/** Limits of undici, passed on unchanged. */
export interface CarrierLimits {
  headersTimeout?: number;
  bodyTimeout?: number;
  connections?: number;
  maxResponseSize?: number;
}

/** Loads the HTTP library only when called: loading it takes longer than most commands. */
export async function openCarrier(limits: CarrierLimits = {}): Promise<Carrier> {
  const { Agent, fetch, Pool, ProxyAgent } = await import('undici');
  const factory = (origin: string | URL, options: object): Dispatcher => {
    const proxy = proxyFor(new URL(origin));
    if (proxy === undefined) return new Pool(origin, options);
    return new ProxyAgent({
      ...options,
      uri: proxy.href,
      ...(proxy.authorization ? { token: proxy.authorization } : {}),
    });
  };
  return { fetch, dispatcher: new Agent({ ...limits, factory }) };
}

let opened: Promise<Carrier> | undefined;

/**
 * Like `fetch`. Without a proxy in the environment it is Node's own, and undici is not loaded.
 * @throws ConnectionError that names the proxy and its variable, or the certificate, if these are the cause.
 */
export const fetchThroughProxy: Fetch = async (input, init) => {
  const url = new URL(input instanceof Request ? input.url : input);
  const proxy = proxyFor(url);
  try {
    if (!hasProxy()) return await fetch(input, init);
    opened ??= openCarrier();
    const carrier = await opened;
    const options = { ...init, dispatcher: carrier.dispatcher } as Parameters<typeof UndiciFetch>[1];
    return await carrier.fetch(input as Parameters<typeof UndiciFetch>[0], options);
  } catch (error) {
    init?.signal?.throwIfAborted();
    throw (proxy && proxyTrouble(error, proxy, url)) ?? certificateTrouble(error, url.host) ?? error;
  }
};
