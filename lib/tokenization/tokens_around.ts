/** As far as it is used here: the library's own types are no part of this package's. */
interface Tokenizer {
  encode(text: string, options: { add_special_tokens: boolean }): { ids: number[] };
}

export interface TokensAround {
  readonly before: number[];
  readonly after: number[];
}

/** What the tokenizer adds before and after a text. @throws Error where its post-processor does anything else. */
export function tokensAround(tokenizer: Tokenizer): TokensAround {
  const bare = tokenizer.encode('a', { add_special_tokens: false }).ids;
  const whole = tokenizer.encode('a', { add_special_tokens: true }).ids;
  for (let begin = 0; begin + bare.length <= whole.length; begin += 1) {
    if (bare.every((id, i) => whole[begin + i] === id)) {
      return { before: whole.slice(0, begin), after: whole.slice(begin + bare.length) };
    }
  }
  throw new Error('its post-processor does more than add special tokens around a text');
}
