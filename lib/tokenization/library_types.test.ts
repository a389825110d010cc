import test from 'ava';
import { PrecompiledNormalizer, SplitPreTokenizer, Tokenizer } from '@huggingface/tokenizers';

test("the library's classes have types, and what these declare is there", (t) => {
  const description = {
    model: { type: 'BPE', vocab: { a: 0, b: 1, ab: 2 }, merges: ['a b'] },
    added_tokens: [{ id: 3, content: '<x>', special: true }],
    normalizer: null,
    pre_tokenizer: null,
    post_processor: null,
    decoder: null,
  };
  const tokenizer = new Tokenizer(description, {});
  // @ts-expect-error a tokenizer is no number: where this line is no error, the types are not found
  const number: number = tokenizer;
  t.is(typeof number, 'object');
  t.deepEqual(tokenizer.encode('ab').ids, [2]);
  t.is(tokenizer.decode([0]), 'a');
  t.deepEqual(tokenizer.encode_text('ab<x>'), ['ab', '<x>']);
  t.is(tokenizer.token_to_id('b'), 1);
  t.is(tokenizer.id_to_token(1), 'b');
  t.deepEqual([...tokenizer.get_vocab(true).values()].sort(), [0, 1, 2, 3]);
  const added = tokenizer.get_added_tokens_decoder().get(3);
  t.deepEqual([added?.id, added?.content, added?.special], [3, '<x>', true]);
  t.is(tokenizer.model?.tokens_to_ids.get('ab'), 2);
  t.deepEqual(tokenizer.model?._call(['ab']), ['ab']);
  t.is(new PrecompiledNormalizer({}).normalize('\u2460'), '1');
  t.is(new SplitPreTokenizer({ pattern: { String: 'a' }, invert: true }).pattern?.source, 'a');
});
