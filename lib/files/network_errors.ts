// Why a request failed, as sentences: the proxy, the certificate.

import { ConnectionError, type Proxy } from './proxy';

interface Cause {
  code: string;
  message: string;
}

/** All nested errors: the innermost ones say what happened, while fetch's own is only "fetch failed". */
export function causesOf(error: unknown): Cause[] {
  const causes: Cause[] = [];
  for (let one = error; one instanceof Error && causes.length < 8; one = one.cause) {
    causes.push({ code: (one as NodeJS.ErrnoException).code ?? '', message: one.message });
    if (one instanceof AggregateError) causes.push(...one.errors.flatMap((part: unknown) => causesOf(part)));
  }
  return causes;
}

const UNREACHABLE: Readonly<Record<string, string>> = {
  ECONNREFUSED: 'refuses connections',
  ENOTFOUND: 'is not known by name',
  EAI_AGAIN: 'cannot be looked up by name',
  EHOSTUNREACH: 'cannot be reached',
  ENETUNREACH: 'cannot be reached',
  ETIMEDOUT: 'does not answer',
  UND_ERR_CONNECT_TIMEOUT: 'does not answer',
};

/** An error that blames the proxy; undefined if the failure may as well be the server's. */
export function proxyTrouble(error: unknown, proxy: Proxy, target: URL): ConnectionError | undefined {
  const causes = causesOf(error);
  const way = `or name ${target.hostname} in NO_PROXY where no proxy is needed for it.`;
  const fail = (said: string, retryable: boolean) =>
    new ConnectionError(`The proxy ${proxy.name} ${said}`, { cause: error, retryable });
  const [, status] =
    causes.map(({ message }) => /Proxy response \((\d+)\)/.exec(message)).find((found) => found !== null) ?? [];
  const asksForLogin = causes.some(({ message }) => message.includes('Proxy Authentication Required'));
  if (status === '407' || asksForLogin) {
    const login = proxy.authorization === undefined ? 'asks for a name and password' : 'refuses its name or password';
    return fail(`${login} (407); give them as http://NAME:PASSWORD@HOST:PORT, ${way}`, false);
  }
  if (status !== undefined) {
    const again = Number(status) >= 500 || status === '429';
    return fail(`could not reach ${target.host} (it answered ${status}); check the address, the proxy, ${way}`, again);
  }
  const said = causes.map(({ code }) => UNREACHABLE[code]).find((sentence) => sentence !== undefined);
  return said === undefined ? undefined : fail(`${said}; start it, correct the variable, ${way}`, true);
}

/** A phrase for a connection that ended without an answer, possibly because of the proxy. */
export function throughProxy(proxy: Proxy | undefined): string {
  return proxy === undefined ? '' : `, through the proxy ${proxy.name},`;
}

const UNKNOWN_ISSUER = new RegExp(
  '^(?:DEPTH_ZERO_SELF_SIGNED_CERT|SELF_SIGNED_CERT_IN_CHAIN|UNABLE_TO_VERIFY_LEAF_SIGNATURE|' +
    'UNABLE_TO_GET_ISSUER_CERT(?:_LOCALLY)?|CERT_UNTRUSTED)$',
);

/** What is wrong with the certificate of `subject` and what helps; undefined if the failure has another cause. */
export function certificateTrouble(error: unknown, subject: string): ConnectionError | undefined {
  const said = certificateSentence(error, subject);
  return said === undefined ? undefined : new ConnectionError(said, { cause: error });
}

function certificateSentence(error: unknown, subject: string): string | undefined {
  const codes = causesOf(error).map(({ code }) => code);
  const find = (pattern: RegExp) => codes.find((code) => pattern.test(code));
  const unknown = find(UNKNOWN_ISSUER);
  if (unknown !== undefined) {
    return (
      `The certificate of ${subject} is signed by nobody that is known here (${unknown}). If it is your own or ` +
      `your company's, set the ` +
      'environment variable NODE_EXTRA_CA_CERTS to a PEM file with the certificate of its authority, or with ' +
      'the certificate itself.'
    );
  }
  if (find(/ALTNAME|HOSTNAME_MISMATCH/)) {
    return (
      `The certificate of ${subject} is for another host name (${find(/ALTNAME|HOSTNAME_MISMATCH/)}); use ` +
      `a name that it holds.`
    );
  }
  if (find(/CERT_HAS_EXPIRED|CERT_NOT_YET_VALID/)) {
    return (
      `The certificate of ${subject} is not valid today (${find(/CERT_/)}); renew it, or set this ` + `machine's clock.`
    );
  }
  if (find(/WRONG_VERSION_NUMBER|^EPROTO$|PACKET_LENGTH_TOO_LONG|HTTP_REQUEST/)) {
    return (
      `${subject} does not speak TLS there (${find(/SSL|^EPROTO$/)}); if it is a plain server, its ` +
      `address begins with http://.`
    );
  }
  const other = find(/^CERT_|CERT|_SSL_|TLS_(?!HANDSHAKE_TIMEOUT)/);
  if (other === undefined) return undefined;
  return (
    `The certificate of ${subject} is not accepted (${other}). Certificates of further authorities can be ` +
    `given in a PEM file that ` +
    'the environment variable NODE_EXTRA_CA_CERTS names.'
  );
}
