import type { Completion } from '../completer';

const MASK = '[key]';
/** Shorter ones are placeholders ("EMPTY"), not secrets, and would occur in ordinary answers. */
const SHORTEST = 6;

/**
 * What must never appear in files, reports or messages: keys, values of headers, passwords of proxies.
 */
export class Secrets {
  readonly #forms: readonly string[];

  constructor(secrets: readonly string[]) {
    const long = secrets.filter((secret) => secret.length >= SHORTEST);
    const forms = long.flatMap((secret) => [
      secret,
      encodeURIComponent(secret),
      Buffer.from(secret).toString('base64'),
      JSON.stringify(secret).slice(1, -1),
    ]);
    // The longest first: one may contain another.
    this.#forms = [...new Set(forms)].sort((a, b) => b.length - a.length);
  }

  hide(text: string): string {
    return this.#forms.reduce((left, form) => left.replaceAll(form, MASK), text);
  }

  /** In an endpoint's error texts, anything that looks like a key is hidden too: providers print parts of it. */
  hideInMessage(text: string): string {
    return this.hide(text)
      .replaceAll(/\b(?:sk|pk|rk)-[A-Za-z0-9*_-]{3,}/g, MASK)
      .replaceAll(/Bearer\s+[^\s"']+/gi, `Bearer ${MASK}`);
  }

  hideIn(completion: Completion): Completion {
    const { text, reasoning, said, firstTokens } = completion;
    return {
      ...completion,
      text: this.hide(text),
      ...(reasoning === undefined ? {} : { reasoning: this.hide(reasoning) }),
      ...(said === undefined ? {} : { said: this.hideInMessage(said) }),
      ...(firstTokens ? { firstTokens: firstTokens.map((one) => ({ ...one, token: this.hide(one.token) })) } : {}),
    };
  }
}
