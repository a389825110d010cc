// The HTTP library, loaded when an endpoint is opened: it takes longer to load than most commands to run.

import type { Dispatcher, fetch } from 'undici';

export interface Carrier {
  fetch: typeof fetch;
  /** Connections, kept open between requests. */
  dispatcher: Dispatcher;
}

const LARGEST_ANSWER = 64 * 1024 * 1024;

/** Waits for headers and bodies without a limit of its own: each attempt has one. Proxies are those of the environment (`HTTPS_PROXY`, `NO_PROXY`). */
export async function openCarrier(connections: number): Promise<Carrier> {
  const undici = await import('undici');
  const limits = { headersTimeout: 0, bodyTimeout: 0, connections, maxResponseSize: LARGEST_ANSWER };
  const proxied = ['http_proxy', 'https_proxy', 'HTTP_PROXY', 'HTTPS_PROXY'].some((name) => process.env[name]);
  return { fetch: undici.fetch, dispatcher: proxied ? new undici.EnvHttpProxyAgent(limits) : new undici.Agent(limits) };
}
