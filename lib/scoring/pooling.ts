// Which token of a sample a classifier reads: some find it by the padding id, even if the sample's own last token has
// that id.

/**
 * 'last_token': the last. 'last_not_padding': the rightmost that is not pad_token_id, else the first (transformers'
 * …ForSequenceClassification). 'before_first_padding': the one before the first pad_token_id; the last if there is none
 * or if it comes first (the published classes of ArmoRM, QRM, INF-ORM, LDL, Qwen2.5-Math-RM and Starling).
 */
export type Pooling = 'last_token' | 'last_not_padding' | 'before_first_padding';

/** For people. */
export const READ_AT: Record<Pooling, string> = {
  last_token: 'at the last token',
  last_not_padding: 'at the last token that is not padding',
  before_first_padding: 'before the first padding',
};

/** The sample up to the token that is read. A causal model's reward does not depend on anything after it. */
export function upToReadToken(inputIds: Int32Array, pooling: Pooling, padToken: number | undefined): Int32Array {
  if (pooling === 'last_token' || padToken === undefined) return inputIds;
  if (pooling === 'before_first_padding') {
    const first = inputIds.indexOf(padToken);
    return first <= 0 ? inputIds : inputIds.subarray(0, first);
  }
  let end = inputIds.length;
  while (end > 1 && inputIds[end - 1] === padToken) end -= 1;
  // Only padding: transformers reads the first token.
  return inputIds.subarray(0, end);
}
