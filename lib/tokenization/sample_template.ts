// A chat template that renders whole samples: with what the tokenizer's post-processor adds, and the stripping, in
// Jinja. Tools that use only the template then read the tokens that the model was trained on.

import type { Prompt, Response, TemplateVariables } from '../data/types';
import { ChatTemplate } from './chat_template';
import { isSampleTemplate, NOTE } from './sample_note';
import { messagesOf, type SampleBuilder, type WholeSampleOptions } from './sample_builder';

type PinnedNames = Readonly<Record<string, string | undefined>>;

interface SampleParts {
  doStrip: boolean;
  /** Texts of the tokens that the tokenizer adds around a text. */
  before: readonly string[];
  after: readonly string[];
  /** The last text of `before`, if a rendered text that begins with it gets no second one. */
  undoubledBos?: string | undefined;
  /** Appended to every sample that does not end with it. */
  rewardToken?: string | undefined;
  /**
   * Between the tokens before and the text: some tokenizers begin words differently after a special token than at the
   * beginning.
   */
  gap?: string | undefined;
  /**
   * Names that the template prints or tests, with their values in training, for tools that give them other values;
   * undefined: undefined in training.
   */
  pinned?: PinnedNames | undefined;
}

/** A Jinja string literal. */
const quoted = (text: string): string => `'${text.replace(/\\/g, '\\\\').replace(/'/g, "\\'").replace(/\n/g, '\\n')}'`;

const ASKS_FOR_CLOCK = /\bstrftime_now\s+is\s+(?:not\s+)?(?:un)?defined\b/;

/** `source` converted to a template of whole samples; unchanged if it already renders them. */
function sampleTemplate(source: string, parts: SampleParts): string {
  // transformers gives templates the current date; training has no clock. A template that uses it without a test prints
  // no date there.
  const names: PinnedNames = {
    ...(ASKS_FOR_CLOCK.test(source) ? { strftime_now: undefined } : {}),
    ...parts.pinned,
  };
  const pins = Object.entries(names)
    .map(([name, text]) => `{%- set ${name} = ${text === undefined ? `${name}_is_not_defined` : quoted(text)} -%}\n`)
    .join('');
  const around = parts.before.length > 0 || parts.after.length > 0 || parts.rewardToken !== undefined;
  if (!around && isSampleTemplate(source)) return source;
  if (!around && !parts.doStrip) return pins === '' ? source : `${NOTE}${pins}${verbatim(source)}`;
  if (!around) return `${NOTE}${pins}{% filter trim %}${source}{% endfilter %}`;
  const body = parts.doStrip ? source : verbatim(source);
  const strip = parts.doStrip ? '{%- set sample = sample | trim -%}\n' : '';
  return `${NOTE}${pins}{% set sample %}${body}{% endset %}\n${strip}${leading(parts)}{{- sample }}${trailing(parts)}`;
}

/**
 * jinja2 drops the last newline, a newline after a tag and blanks before one: empty expressions prevent that.
 */
const verbatim = (source: string): string => `{{- '' }}${source.replace(/\r?\n$/, '')}{{ '' -}}`;

function leading({ before, undoubledBos, gap = '' }: SampleParts): string {
  if (before.length === 0) return '';
  if (undoubledBos === undefined) return `{{- ${quoted(before.join('') + gap)} }}`;
  const first = before.slice(0, -1).join('');
  return (
    `${first === '' ? '' : `{{- ${quoted(first)} }}`}{{- '' if sample.startswith(${quoted(undoubledBos)}) else ` +
    `${quoted(undoubledBos + gap)} }}`
  );
}

function trailing({ after, rewardToken }: SampleParts): string {
  const added = after.length === 0 ? '' : `{{- ${quoted(after.join(''))} }}`;
  if (rewardToken === undefined || after.at(-1) === rewardToken) return added;
  if (after.length > 0) return `${added}{{- ${quoted(rewardToken)} }}`;
  return `{{- '' if sample.endswith(${quoted(rewardToken)}) else ${quoted(rewardToken)} }}`;
}

/** A conversation from which a sample is made. */
export interface Conversation {
  prompt: Prompt;
  systemPrompt?: string | undefined;
  templateVariables?: TemplateVariables | undefined;
  response: Pick<Response, 'content' | 'messages'>;
}

export interface FoundTemplate {
  /** The template's text; undefined if none renders these samples. */
  source: string | undefined;
  /** Samples compared, and how many differ with the best template found. */
  compared: number;
  differing: number;
}

/**
 * The template of the samples that `builder` makes with `options`, tested on conversations: the text that it renders,
 * tokenized with nothing added, must give the same ids.
 * @param names bos_token and the like in the tokenizer that will be written: the template keeps the values of
 * training.
 */
export function findSampleTemplate(
  builder: SampleBuilder,
  source: string,
  options: WholeSampleOptions,
  conversations: readonly Conversation[],
  names: Readonly<Record<string, string>> = builder.specialTokens,
): FoundTemplate {
  const changed = [...new Set([...Object.keys(names), ...Object.keys(builder.specialTokens)])].filter(
    (name) => names[name] !== builder.specialTokens[name],
  );
  const pinned = Object.fromEntries(
    changed.filter((name) => source.includes(name)).map((name) => [name, builder.specialTokens[name]]),
  );
  const parts = partsOf(builder, options, pinned);
  const compared = conversations.length;
  if (parts === undefined) return { source: undefined, compared, differing: compared };
  let fewest = compared;
  for (const gap of parts.before.length > 0 ? ['', ' '] : ['']) {
    const candidate = sampleTemplate(source, { ...parts, gap });
    const differing = countDiffering(builder, candidate, names, options, conversations);
    if (differing === 0) return { source: candidate, compared, differing };
    fewest = Math.min(fewest, differing);
  }
  return { source: undefined, compared, differing: fewest };
}

/** Undefined if a token around the text has no text of its own. */
function partsOf(builder: SampleBuilder, options: WholeSampleOptions, pinned: PinnedNames): SampleParts | undefined {
  const doStrip = options.doStrip !== false;
  const { before, after } = doStrip ? builder.tokensAround : { before: [], after: [] };
  const texts = [...before, ...after].map((id) => builder.addedToken(id));
  const rewardToken = options.rewardToken === undefined ? undefined : builder.addedToken(options.rewardToken);
  if (texts.includes(undefined) || (options.rewardToken !== undefined && rewardToken === undefined)) return undefined;
  const known = texts as string[];
  const isBos = before.length > 0 && before.at(-1) === builder.bosTokenId;
  return {
    doStrip,
    before: known.slice(0, before.length),
    after: known.slice(before.length),
    undoubledBos: isBos && options.doubledBos === 'drop' ? known[before.length - 1] : undefined,
    rewardToken,
    pinned,
  };
}

function countDiffering(
  builder: SampleBuilder,
  source: string,
  names: Readonly<Record<string, string>>,
  options: WholeSampleOptions,
  conversations: readonly Conversation[],
): number {
  const template = new ChatTemplate(source, 'the template of whole samples', { ...names });
  return conversations.filter(({ prompt, systemPrompt, response, templateVariables }) => {
    const { inputIds } = builder.buildSample(
      prompt,
      systemPrompt,
      response,
      { ...options, specialTokensInText: 'keep' },
      templateVariables,
    );
    const ids = builder.encode(template.render(messagesOf(prompt, systemPrompt, response), false, templateVariables));
    return ids.length !== inputIds.length || ids.some((id, i) => id !== inputIds[i]);
  }).length;
}
