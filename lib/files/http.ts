// Node's fetch, but through the proxy that HTTPS_PROXY, HTTP_PROXY and NO_PROXY name: that of Node 20 does not know them.

import type { EnvHttpProxyAgent, fetch as UndiciFetch } from 'undici';

type Fetch = typeof globalThis.fetch;

const VARIABLES = ['http_proxy', 'HTTP_PROXY', 'https_proxy', 'HTTPS_PROXY'];
let proxied: { fetch: typeof UndiciFetch; agent: EnvHttpProxyAgent } | undefined;

/** As `fetch`. Without a proxy in the environment it is Node's own, and undici is not loaded. */
export const fetchThroughProxy: Fetch = async (input, init) => {
  if (!VARIABLES.some((name) => process.env[name])) return fetch(input, init);
  if (!proxied) {
    const undici = await import('undici');
    proxied = { fetch: undici.fetch, agent: new undici.EnvHttpProxyAgent() };
  }
  const options = { ...init, dispatcher: proxied.agent } as Parameters<typeof UndiciFetch>[1];
  return (await proxied.fetch(input as Parameters<typeof UndiciFetch>[0], options)) as unknown as Response;
};
