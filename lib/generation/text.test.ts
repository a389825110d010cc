// Tokens to answers: whole characters, reasoning, stop strings.

import test from 'ava';
import { mkdtempSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { IM_END, makeLanguageModelFolder } from '../testing/language_model_folder';
import { Detokenizer } from '../tokenization/detokenizer';
import { readTokenizerFiles } from '../tokenization/tokenizer_files';
import { TextTokenizer } from '../tokenization/text_tokenizer';
import { AnswerText, type AnswerParts } from './answer_text';

const byteLevel = new TextTokenizer(readTokenizerFiles(makeLanguageModelFolder()));

/**
 * Of the sentencepiece kind: a space before words, bytes as tokens of their own, the first space dropped in decoding.
 */
function sentencePiece(): TextTokenizer {
  const folder = mkdtempSync(join(tmpdir(), 'sentencepiece-'));
  const bytes = Array.from({ length: 256 }, (_, byte) => `<0x${byte.toString(16).toUpperCase().padStart(2, '0')}>`);
  const vocab = ['<unk>', '<s>', '</s>', ...bytes, '▁', 'A', 'B', '▁A', 'b', '好'];
  writeFileSync(
    join(folder, 'tokenizer.json'),
    JSON.stringify({
      version: '1.0',
      truncation: null,
      padding: null,
      pre_tokenizer: null,
      post_processor: null,
      added_tokens: ['<unk>', '<s>', '</s>'].map((content, id) => ({
        id,
        content,
        single_word: false,
        lstrip: false,
        rstrip: false,
        normalized: false,
        special: true,
      })),
      normalizer: {
        type: 'Sequence',
        normalizers: [
          { type: 'Prepend', prepend: '▁' },
          { type: 'Replace', pattern: { String: ' ' }, content: '▁' },
        ],
      },
      decoder: {
        type: 'Sequence',
        decoders: [
          { type: 'Replace', pattern: { String: '▁' }, content: ' ' },
          { type: 'ByteFallback' },
          { type: 'Fuse' },
          { type: 'Strip', content: ' ', start: 1, stop: 0 },
        ],
      },
      model: {
        type: 'BPE',
        dropout: null,
        unk_token: '<unk>',
        continuing_subword_prefix: null,
        end_of_word_suffix: null,
        fuse_unk: true,
        byte_fallback: true,
        ignore_merges: false,
        vocab: Object.fromEntries(vocab.map((token, id) => [token, id])),
        merges: ['▁ A'],
      },
    }),
  );
  writeFileSync(join(folder, 'tokenizer_config.json'), JSON.stringify({ eos_token: '</s>' }));
  return new TextTokenizer(readTokenizerFiles(folder));
}

const TEXTS = ['你好，世界', '𠮷野家 🍣👩‍👩‍👧 龘', 'A\n\n  b  c\t中', ' leading', 'naïve café — “x”', '���', 'a'];

for (const [name, tokenizer] of [
  ['bytes as text', byteLevel],
  ['sentencepiece', sentencePiece()],
] as const) {
  test(`every piece is whole, and together they are the text: ${name}`, (t) => {
    for (const text of TEXTS) {
      const ids = [...tokenizer.encode(text)];
      const detokenizer = new Detokenizer(tokenizer);
      const pieces = ids.map((id) => detokenizer.push(id));
      if (!text.includes('\uFFFD'))
        for (const piece of pieces) t.false(piece.includes('\uFFFD'), `${text}: ${JSON.stringify(pieces)}`);
      if (!text.includes('\uFFFD')) t.is(pieces.join('') + detokenizer.end(), tokenizer.decode(ids));
    }
    // Cut anywhere: a beginning of the text, never half a character.
    const ids = [...tokenizer.encode('龘𠮷，A')];
    for (let length = 0; length <= ids.length; length += 1) {
      const detokenizer = new Detokenizer(tokenizer);
      const text =
        ids
          .slice(0, length)
          .map((id) => detokenizer.push(id))
          .join('') + detokenizer.end();
      t.true('龘𠮷，A'.startsWith(text) && !/[\uD800-\uDBFF]$/.test(text), JSON.stringify([length, text]));
    }
  });

  test(`a text goes on behind another: ${name}`, (t) => {
    for (const [before, text] of [
      ['好 A', ' b'],
      ['A', 'A'],
      ['', ' 好'],
      ['好', '𠮷'],
    ] as const) {
      const all = [...tokenizer.encode(before + text)];
      const cut = tokenizer.encode(before).length;
      const detokenizer = new Detokenizer(tokenizer, all.slice(0, cut));
      const fresh =
        all
          .slice(cut)
          .map((id) => detokenizer.push(id))
          .join('') + detokenizer.end();
      t.is(tokenizer.decode(all.slice(0, cut)) + fresh, tokenizer.decode(all), JSON.stringify([before, text]));
    }
  });

  test(`a token's text has its leading space: ${name}`, (t) => {
    const ids = tokenizer.encode('b A');
    t.is(tokenizer.tokenText(ids.at(-1)!), ' A');
    t.is(tokenizer.tokenText(tokenizer.encode('bA').at(-1)!), 'A');
  });
}

interface Case {
  stop?: string[];
  thoughts?: string;
  /** Tokens that come together. */
  stretch?: number;
}

function answer(
  text: string,
  { stop = [], thoughts, stretch = 3 }: Case = {},
  extra: number[] = [],
): AnswerParts & { stoppedAt: number } {
  const parts = new AnswerText(byteLevel, { stop, stopTokens: new Set([IM_END]), ...(thoughts ? { thoughts } : {}) });
  const ids = [...byteLevel.encode(text), ...extra];
  let at = 0;
  while (at < ids.length && !parts.push(ids.slice(at, at + stretch))) at += stretch;
  return { ...parts.finish(), stoppedAt: at };
}

test('stop strings: over tokens, over stretches, the earliest counts, the text ends before it', (t) => {
  for (let stretch = 1; stretch <= 12; stretch += 1) {
    t.like(answer('第一行。停止词在这里，后面不算。\n###后', { stop: ['###', '词在这'], stretch }), {
      text: '第一行。停止',
      stopped: true,
    });
    t.like(answer('aXbXY', { stop: ['XY', 'bX'], stretch }), { text: 'a' + 'X', stopped: true });
    t.like(answer('XXXY', { stop: ['XXY'], stretch }), { text: 'X', stopped: true });
    t.like(answer('只有一半 ##', { stop: ['###'], stretch }), { text: '只有一半 ##', stopped: false });
    t.like(answer('停在末尾。终', { stop: ['终'], stretch }), { text: '停在末尾。', stopped: true });
  }
  const whole = byteLevel.encode('结果：A###').length;
  const met = answer('结果：A###以后还有许多许多许多的话', { stop: ['###'], stretch: 1 });
  t.is(met.tokens, whole, 'tokens after the stop string do not count');
  t.is(answer('x', {}, [IM_END]).text, 'x', 'a stop token is no text');
});

test('thoughts come apart, opened by the model or by the prompt, and are never searched for stop strings', (t) => {
  for (let stretch = 1; stretch <= 9; stretch += 1) {
    t.like(answer('<think>\n想。### A更好</think>\n\n[[B]]\n\n因为', { stop: ['###', '\n\n'], stretch }), {
      reasoning: '想。### A更好',
      text: '[[B]]',
      stopped: true,
    });
    t.like(answer('想想</think>[[A]]', { thoughts: 'think', stretch }), { reasoning: '想想', text: '[[A]]' });
    t.like(answer(' <thinking>x</thinking>y', { stretch }), { reasoning: 'x', text: 'y' });
    const cut = answer('<think>想不完 [[A]]', { stretch });
    t.like(cut, { reasoning: '想不完 [[A]]', text: '' });
    t.deepEqual(
      [answer('<thin', { stretch }).text, answer('答<think>x</think>', { stretch }).text],
      ['<thin', '答<think>x</think>'],
      'only leading ones are thoughts',
    );
    t.is(answer('<think></think>A', { stretch }).reasoning, undefined);
  }
});
