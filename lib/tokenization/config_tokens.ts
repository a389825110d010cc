// Tokens that are in tokenizer_config.json but not in tokenizer.json: transformers adds them, so that each is one
// token.

type Json = Record<string, unknown>;

interface AddedToken {
  id: number;
  content: string;
  single_word: boolean;
  lstrip: boolean;
  rstrip: boolean;
  normalized: boolean;
  special: boolean;
}

const plain = (content: string, special: boolean): AddedToken => ({
  id: -1,
  content,
  single_word: false,
  lstrip: false,
  rstrip: false,
  normalized: !special,
  special,
});

/** Fields of tokenizer_config.json and special_tokens_map.json that name special tokens, in transformers' order. */
const NAMED = [
  'bos_token',
  'eos_token',
  'unk_token',
  'sep_token',
  'pad_token',
  'cls_token',
  'mask_token',
  'additional_special_tokens',
];

/**
 * `tokenizer` (tokenizer.json) with the tokens of `added_tokens_decoder`, ordered by their ids there, then the named
 * special tokens. As in the tokenizers library, a token that is in the vocabulary keeps its id, and any other gets the
 * next free one, whatever id is written beside it.
 */
export function withTokensOfConfig(tokenizer: Json, config: Json): Json {
  const added = (Array.isArray(tokenizer['added_tokens']) ? tokenizer['added_tokens'] : []) as AddedToken[];
  const known = new Set(added.map(({ content }) => content));
  const wanted = tokensOf(config).filter(({ content }) => content !== '' && !known.has(content));
  if (wanted.length === 0) return tokenizer;
  const vocabulary = idsOf(tokenizer['model'] as Json | undefined);
  let next = added.reduce((highest, { id }) => Math.max(highest, id + 1), vocabulary.size);
  const more: AddedToken[] = [];
  for (const token of wanted) {
    if (known.has(token.content)) continue; // named twice
    known.add(token.content);
    more.push({ ...token, id: vocabulary.get(token.content) ?? next++ });
  }
  return { ...tokenizer, added_tokens: [...added, ...more].sort((a, b) => a.id - b.id) };
}

function tokensOf(config: Json): AddedToken[] {
  const listed = Object.entries((config['added_tokens_decoder'] ?? {}) as Record<string, Partial<AddedToken>>).sort(
    ([a], [b]) => Number(a) - Number(b),
  );
  const decoded = listed.flatMap(([, token]) =>
    typeof token.content === 'string' ? [{ ...plain(token.content, token.special === true), ...token }] : [],
  );
  return [...decoded, ...NAMED.flatMap((name) => [config[name]].flat()).flatMap(named)] as AddedToken[];
}

/** A special token as a text, or as an object with its flags. */
function named(token: unknown): AddedToken[] {
  if (typeof token === 'string') return [plain(token, true)];
  const { content } = (token ?? {}) as { content?: unknown };
  return typeof content === 'string' ? [{ ...plain(content, true), ...(token as object), special: true }] : [];
}

/** An object for BPE, WordPiece and WordLevel; a list of [token, score] for Unigram. */
function idsOf(model: Json | undefined): Map<string, number> {
  const vocabulary = model?.['vocab'];
  if (Array.isArray(vocabulary)) return new Map((vocabulary as [string, number][]).map(([token], id) => [token, id]));
  return new Map(Object.entries((vocabulary ?? {}) as Record<string, number>));
}
