import type { Tokenizer } from '@huggingface/tokenizers';

export interface TokensAround {
  readonly before: number[];
  readonly after: number[];
}

/** What the tokenizer adds before and after a text. @throws Error where its post-processor does anything else. */
export function tokensAround(tokenizer: Tokenizer): TokensAround {
  const bare: number[] = tokenizer.encode('a', { add_special_tokens: false }).ids;
  const whole: number[] = tokenizer.encode('a', { add_special_tokens: true }).ids;
  for (let begin = 0; begin + bare.length <= whole.length; begin += 1) {
    if (bare.every((id: number, i: number) => whole[begin + i] === id)) {
      return { before: whole.slice(0, begin), after: whole.slice(begin + bare.length) };
    }
  }
  throw new Error('its post-processor does more than add special tokens around a text');
}
