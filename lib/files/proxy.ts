// The proxy that the environment names for an address: HTTP_PROXY, HTTPS_PROXY, ALL_PROXY and NO_PROXY, in lower and
// upper case, as curl and Python's requests read them.

import { BlockList, isIP } from 'node:net';
import { domainToASCII } from 'node:url';

/**
 * A connection failed for a known reason: the environment's proxy setting, the proxy, a certificate. The message is one
 * or two full sentences, without credentials.
 */
export class ConnectionError extends Error {
  override readonly name = 'ConnectionError';
  /** Whether a later attempt may succeed. */
  readonly retryable: boolean;

  constructor(message: string, options: { cause?: unknown; retryable?: boolean } = {}) {
    super(message, options.cause === undefined ? {} : { cause: options.cause });
    this.retryable = options.retryable ?? false;
  }
}

export interface Proxy {
  /** The proxy's address, without credentials. */
  href: string;
  /** `127.0.0.1:7890 (environment variable http_proxy)`, for messages. */
  name: string;
  /** The value of Proxy-Authorization, if the address contains credentials. */
  authorization?: string;
  /** What must not be shown: name and password, as given and as sent. */
  secrets: string[];
}

type Environment = Readonly<Record<string, string | undefined>>;

/** The variables in their order; https without a proxy of its own uses that of http. */
const VARIABLES: Readonly<Record<string, readonly string[]>> = {
  'http:': ['http_proxy', 'all_proxy'],
  'https:': ['https_proxy', 'all_proxy', 'http_proxy'],
};

/** Whether any variable names a proxy. */
export function hasProxy(env: Environment = process.env): boolean {
  return VARIABLES['https:']!.some((name) => settingOf(name, env) !== undefined);
}

/**
 * The proxy for an address; undefined if there is none.
 * @throws ConnectionError if the variable's value is not the address of an HTTP proxy.
 */
export function proxyFor(url: URL, env: Environment = process.env): Proxy | undefined {
  const setting = VARIABLES[url.protocol]?.map((name) => settingOf(name, env)).find((found) => found !== undefined);
  if (setting === undefined || isExempt(url, env['no_proxy'] ?? env['NO_PROXY'] ?? '')) return undefined;
  return parseProxy(setting, url);
}

interface Setting {
  variable: string;
  value: string;
}

/** Lower case takes precedence; if set but empty, it hides the upper-case variable. */
function settingOf(name: string, env: Environment): Setting | undefined {
  const variable = env[name] === undefined ? name.toUpperCase() : name;
  const value = env[variable]?.trim() ?? '';
  return value === '' ? undefined : { variable, value };
}

function parseProxy({ variable, value }: Setting, target: URL): Proxy {
  const instead = `Give one such as http://127.0.0.1:7890, or name ${target.hostname} in NO_PROXY.`;
  const scheme = /^([a-z][a-z0-9+.-]*):\/\//i.exec(value)?.[1]?.toLowerCase();
  if (scheme?.startsWith('socks')) {
    throw new ConnectionError(
      `The environment variable ${variable} names a SOCKS proxy (${scheme}://…), which is not supported for ` +
        `${target.host}. ` +
        `Most such programs have an HTTP port too. ${instead}`,
    );
  }
  // Not shown if it may contain a password.
  const shown = value.includes('@') ? '' : ` (${JSON.stringify(value)})`;
  const unfit = () =>
    new ConnectionError(
      `The environment variable ${variable}${shown} does not hold the address of a proxy. ${instead}`,
    );
  if (scheme !== undefined && scheme !== 'http' && scheme !== 'https') throw unfit();
  let url: URL;
  try {
    url = new URL(scheme === undefined ? `http://${value}` : value);
  } catch {
    throw unfit();
  }
  if (url.hostname === '') throw unfit();
  const [user, password] = [decoded(url.username), decoded(url.password)];
  const credentials =
    user === '' && password === '' ? undefined : Buffer.from(`${user}:${password}`).toString('base64');
  const name = `${url.host} (environment variable ${variable})`;
  const secrets = [user, url.password, password, credentials ?? ''].filter((secret) => secret !== '');
  return {
    href: url.origin,
    name,
    secrets,
    ...(credentials === undefined ? {} : { authorization: `Basic ${credentials}` }),
  };
}

/** Percent-decodes a text; a percent sign that encodes nothing is kept. */
function decoded(text: string): string {
  return text.replaceAll(/(?:%[0-9a-f]{2})+/gi, (encoded) => {
    try {
      return decodeURIComponent(encoded);
    } catch {
      return encoded;
    }
  });
}

/**
 * Whether NO_PROXY names the address: hosts with their subdomains, addresses, CIDR blocks, `*`, each with or without a
 * port.
 */
function isExempt(url: URL, list: string): boolean {
  const host = bare(url.hostname);
  const port = url.port === '' ? (url.protocol === 'https:' ? '443' : '80') : url.port;
  return list.split(/[,\s]+/).some((entry) => entry !== '' && matches(entry, host, port));
}

const bare = (host: string) =>
  host
    .replace(/^\[(.*)\]$/, '$1')
    .replace(/\.$/, '')
    .toLowerCase();

function matches(entry: string, host: string, port: string): boolean {
  const text = entry.replace(/^[a-z][a-z0-9+.-]*:\/\//i, '').replace(/\/(?!\d+$).*$/, '');
  // A bare IPv6 address contains colons itself.
  const withPort = isIP(text.split('/')[0]!) === 6 ? null : /^(.+):(\d+)$/.exec(text);
  if (withPort && withPort[2] !== port) return false;
  const name = bare((withPort?.[1] ?? text).replace(/^\*?\./, ''));
  const block = /^(.+)\/(\d+)$/.exec(name);
  if (block) return isInBlock(host, bare(block[1]!), Number(block[2]));
  if (isIP(name) !== 0) return isInBlock(host, name, isIP(name) === 6 ? 128 : 32);
  if (name.includes('*')) {
    const pattern = name
      .split('*')
      .map((part) => part.replaceAll(/[\\^$.|?+()[\]{}]/g, '\\$&'))
      .join('.*');
    return new RegExp(`^${pattern}$`).test(host);
  }
  const ascii = domainToASCII(name) || name;
  return host === ascii || host.endsWith(`.${ascii}`);
}

function isInBlock(host: string, network: string, bits: number): boolean {
  const [kind, given] = [isIP(network), isIP(host)];
  if (kind === 0 || given === 0 || bits > (kind === 6 ? 128 : 32)) return false;
  const list = new BlockList();
  list.addSubnet(network, bits, kind === 6 ? 'ipv6' : 'ipv4');
  return list.check(host, given === 6 ? 'ipv6' : 'ipv4');
}
