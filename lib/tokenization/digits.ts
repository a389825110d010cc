// What tokenizer.json means by Digits. The tokenizers library takes every character of Unicode's category N for a digit
// (½, ٣, Ⅷ), the JavaScript library 0 to 9 alone; a Split of the same meaning is the same in both.

type JsonObject = Record<string, unknown>;

/** tokenizer.json with every Digits of its pre_tokenizer written as that Split. */
export function withEveryDigit(tokenizer: JsonObject): JsonObject {
  return { ...tokenizer, pre_tokenizer: rewritten(tokenizer['pre_tokenizer']) };
}

function rewritten(step: unknown): unknown {
  if (typeof step !== 'object' || step === null) return step;
  const { type, pretokenizers, individual_digits: individual } = step as JsonObject;
  if (Array.isArray(pretokenizers)) return { ...step, pretokenizers: pretokenizers.map(rewritten) };
  if (type !== 'Digits') return step;
  return {
    type: 'Split',
    pattern: { Regex: individual === true ? '\\p{N}' : '\\p{N}+' },
    behavior: 'Isolated',
    invert: false,
  };
}
