// Prompt and response -> the token ids that the model reads, exactly as the original builds them.

import { checkArguments, path, shape } from '../arguments/checks';
import type { Tokenizer } from '@huggingface/tokenizers';
import { asMessages } from '../data/conversation/messages';
import { pythonStrip } from '../data/python_text';
import type { Message, Prompt, Response, TemplateVariables } from '../data/types';
import { ChatTemplate } from './chat_template';
import { TokenizerError } from './errors';
import type { HeldFiles } from './folder_files';
import { readTokenizerFiles } from './tokenizer_files';
import type { IdEncoder } from './id_encoder';
import { buildTokenizer } from './pipeline/build';
import { PairBuilder, pairOf } from './pair_builder';
import { refuseSpecialToken, SpecialTokens } from './special_tokens';
import type { SpecialTokensInText } from '../options/special_tokens';
import { tokensAround, type TokensAround } from './tokens_around';
import { knob } from '../text/knobs';

/**
 * 'newlines': trailing newlines are removed, a space and the EOS are added if the text does not end with the EOS, and
 * the tokenizer adds nothing.
 */
export type Stripping = boolean | 'newlines';

/**
 * How samples are made. The choice in training is recorded in the model folder: a different one at evaluation costs
 * accuracy.
 */
export interface SampleOptions {
  /**
   * True (the original's default): the rendered text is stripped as Python strips, then tokenized with the tokenizer's
   * own special tokens, so the reward is read at the end-of-turn token. False: neither. 'newlines': OpenRLHF's way, see
   * `Stripping`.
   */
  doStrip?: Stripping | undefined;
  /**
   * Maximum number of tokens, special ones included; null and undefined: no limit. Longer samples are cut only with
   * `truncation`.
   */
  maxLength?: number | null | undefined;
  /** Cut on the left to `maxLength`; the tokenizer's own special tokens stay. */
  truncation?: boolean | undefined;
  addGenerationPrompt?: boolean | undefined;
  /**
   * If template and tokenizer both add the BOS token: 'keep' (the default) leaves two, as the original does; 'drop'
   * leaves one.
   */
  doubledBos?: 'keep' | 'drop' | undefined;
  /** Appended to every sample that does not end with it: the position where the model's reward is read (InternLM2). */
  rewardToken?: number | undefined;
  /**
   * Special tokens within the texts of a conversation: 'keep' (the default) reads them as if from the template, as
   * transformers does.
   */
  specialTokensInText?: SpecialTokensInText | undefined;
}

/** What a whole sample depends on, whatever its length. */
export type WholeSampleOptions = Pick<SampleOptions, 'doStrip' | 'doubledBos' | 'rewardToken' | 'specialTokensInText'>;

/** The ids, with the final token appended if they do not end with it. */
export function endingWith(inputIds: Int32Array, token: number | undefined): Int32Array {
  return token === undefined || inputIds.at(-1) === token ? inputIds : Int32Array.from([...inputIds, token]);
}

/** Given ids cut on the left to `room`; a pair keeps its first token, where its reward is read. */
export function cutIds(inputIds: Int32Array, room: number, form: SampleForm | undefined): Int32Array {
  if (form !== 'pair') return inputIds.slice(-room);
  return Int32Array.from([inputIds[0]!, ...inputIds.slice(inputIds.length - room + 1)]);
}

/** The token ids of one conversation. */
export interface Sample {
  inputIds: Int32Array;
  /** Tokens before cutting. */
  length: number;
  truncated: boolean;
  /** Whether template and tokenizer both added a BOS token, whatever was done about it. */
  bosDoubled: boolean;
  /** Whether a text of the conversation holds a special token, whatever was done about it. */
  specialInText: boolean;
}

export interface TokenizerSource {
  /** A Hugging Face folder with tokenizer.json. */
  folder: string;
  /** A Jinja file to use instead of the folder's own template (`--chat_template FILE`). */
  chatTemplateFile?: string | undefined;
  /** The files' contents (`holdFiles`), instead of those on disk. */
  held?: HeldFiles | undefined;
  /**
   * What the model reads (ArchitectureInfo.sampleForm): a conversation through its chat template (undefined), or
   * question and answer as a pair.
   */
  form?: SampleForm | undefined;
}

export type SampleForm = 'conversation' | 'pair';

/** Makes token ids from conversations, with a model's tokenizer and chat template. */
export class SampleBuilder {
  private readonly tokenizer: Tokenizer;
  private readonly encoder: IdEncoder;
  /** Undefined if samples are pairs and the folder has no template. */
  private readonly template: ChatTemplate | undefined;
  private readonly pairs: PairBuilder | undefined;
  /** The id of the tokenizer's bos_token. */
  readonly bosTokenId: number | undefined;
  /** bos_token, eos_token and so on, as the template may print them. */
  readonly specialTokens: Readonly<Record<string, string>>;
  /** What the tokenizer adds before and after a text. */
  readonly tokensAround: TokensAround;
  private readonly specials: SpecialTokens;

  /** Reads and builds tokenizer and template; takes about a second for large vocabularies. @throws TokenizerError */
  constructor(source: TokenizerSource) {
    checkArguments(
      'SampleBuilder',
      [['source', shape({ folder: path }, 'an object with the "folder" of a tokenizer')]],
      [source],
    );
    const files = readTokenizerFiles(source.folder, source.chatTemplateFile, source.held);
    if (!files.chatTemplate && source.form !== 'pair') {
      throw new TokenizerError(
        `${source.folder} has no chat template (neither chat_template.jinja nor chat_template in ` +
          `tokenizer_config.json). Name a Jinja file with ${knob('chatTemplateFile', 'FILE')}: the model must be ` +
          'evaluated with the template that it is trained with, so none is made up.',
      );
    }
    this.specialTokens = files.specialTokens;
    this.template =
      files.chatTemplate && new ChatTemplate(files.chatTemplate.source, files.chatTemplate.file, files.specialTokens);
    try {
      const { tokenizer, encoder } = buildTokenizer(files.tokenizer, files.config);
      [this.tokenizer, this.encoder] = [tokenizer, encoder];
      this.tokensAround = tokensAround(tokenizer);
      this.specials = new SpecialTokens(files.tokenizer, files.config);
      this.pairs = source.form === 'pair' ? new PairBuilder(tokenizer, (text) => encoder.encode(text)) : undefined;
    } catch (error) {
      throw new TokenizerError(`${source.folder}/tokenizer.json cannot be used (${(error as Error).message}).`);
    }
    const bos = files.specialTokens['bos_token'];
    this.bosTokenId = bos === undefined ? undefined : this.tokenizer.token_to_id(bos);
  }

  /** Prompt and response as the template renders them, not stripped. @throws TokenizerError */
  renderText(
    prompt: Prompt,
    systemPrompt: string | undefined,
    response: string | Pick<Response, 'content' | 'messages'> | null,
    addGenerationPrompt = false,
    variables: TemplateVariables = {},
  ): string {
    return this.rendered(messagesOf(prompt, systemPrompt, response), addGenerationPrompt, variables);
  }

  private rendered(messages: readonly Message[], addGenerationPrompt: boolean, variables: TemplateVariables): string {
    if (!this.template)
      throw new TokenizerError('this model has no chat template: it reads question and answer as a pair.');
    return this.template.render(messages, addGenerationPrompt, variables);
  }

  /**
   * The sample of one response; null for no response (the prompt may be the whole conversation).
   * @param variables inputs of the chat template besides the messages: tools and the like.
   * @throws TokenizerError
   */
  buildSample(
    prompt: Prompt,
    systemPrompt: string | undefined,
    response: string | Pick<Response, 'content' | 'messages'> | null,
    options: SampleOptions = {},
    variables: TemplateVariables = {},
  ): Sample {
    const messages = messagesOf(prompt, systemPrompt, response);
    const special = this.specials.findIn([messages, variables]);
    if (special !== undefined && options.specialTokensInText === 'refuse') refuseSpecialToken(special);
    const isEscaped = special !== undefined && options.specialTokensInText === 'escape';
    if (this.pairs) return { ...this.buildPair(messages, options, isEscaped), specialInText: special !== undefined };
    const strip = options.doStrip ?? true;
    const render = (turns: readonly Message[], given: TemplateVariables): string =>
      this.stripped(this.rendered(turns, options.addGenerationPrompt ?? false, given), strip);
    let body = isEscaped
      ? this.specials.encodeMarked(render(this.specials.marked(messages), this.specials.marked(variables)))
      : this.encode(render(messages, variables));
    const { before, after: added } = strip === true ? this.tokensAround : NOTHING_ADDED;
    const { rewardToken } = options;
    const after =
      rewardToken === undefined || (added.at(-1) ?? body.at(-1)) === rewardToken ? added : [...added, rewardToken];
    const bosDoubled =
      this.bosTokenId !== undefined && before.at(-1) === this.bosTokenId && body[0] === this.bosTokenId;
    if (bosDoubled && options.doubledBos === 'drop') body = body.slice(1);
    const length = before.length + body.length + after.length;
    const { maxLength } = options;
    const truncated = options.truncation === true && typeof maxLength === 'number' && length > maxLength;
    if (truncated) {
      const room = maxLength - before.length - after.length;
      if (room < 1) {
        throw new TokenizerError(
          `a maximum length of ${maxLength} leaves no room beside the tokenizer's own special tokens.`,
        );
      }
      body = body.slice(-room);
    }
    const inputIds = new Int32Array(before.length + body.length + after.length);
    inputIds.set(before);
    inputIds.set(body, before.length);
    inputIds.set(after, before.length + body.length);
    return { inputIds, length, truncated, bosDoubled, specialInText: special !== undefined };
  }

  private stripped(text: string, strip: Stripping): string {
    if (strip !== 'newlines') return strip ? pythonStrip(text) : text;
    const eos = this.specialTokens['eos_token'];
    const short = text.replace(/\n+$/, '');
    return eos === undefined || short.endsWith(eos) ? short : `${short} ${eos}`;
  }

  /** Highest token id plus one, added tokens included. */
  get vocabularySize(): number {
    let highest = -1;
    for (const id of this.tokenizer.get_vocab(true).values()) highest = Math.max(highest, id);
    return highest + 1;
  }

  /**
   * A pair uses only the options of length and cutting: the tokenizer's special tokens form the pair, and the
   * tokenizer handles white space.
   */
  private buildPair(
    messages: readonly Message[],
    { maxLength, truncation }: SampleOptions,
    isEscaped: boolean,
  ): Omit<Sample, 'specialInText'> {
    const pair = pairOf(messages);
    const room = truncation === true && typeof maxLength === 'number' ? maxLength : Infinity;
    try {
      const { inputIds, length } = this.pairs!.build(
        pair,
        room,
        isEscaped ? (text) => this.specials.encodePlain(text) : undefined,
      );
      return { inputIds, length, truncated: length > room, bosDoubled: false };
    } catch (error) {
      if (error instanceof TokenizerError) throw error;
      throw new TokenizerError(
        `the tokenizer fails on a pair of texts of ${pair.question.length} and ${pair.answer.length} characters ` +
          `(${(error as Error).message}).`,
      );
    }
  }

  /** The content of an added token, such as `<|im_end|>`; undefined for tokens of plain text. */
  addedToken(id: number): string | undefined {
    return this.tokenizer.get_added_tokens_decoder().get(id)?.content;
  }

  /** Text to ids, with nothing added. @throws TokenizerError */
  encode(text: string): number[] {
    try {
      return this.encoder.encode(text);
    } catch (error) {
      throw new TokenizerError(
        `the tokenizer fails on a text of ${text.length} characters (${(error as Error).message}).`,
      );
    }
  }
}

const NOTHING_ADDED = { before: [] as number[], after: [] as number[] };

export function messagesOf(
  prompt: Prompt,
  systemPrompt: string | undefined,
  response: string | Pick<Response, 'content' | 'messages'> | null,
): Message[] {
  const system: Message[] = systemPrompt === undefined ? [] : [{ role: 'system', content: systemPrompt }];
  return [...system, ...asMessages(prompt), ...turnsOf(response)];
}

function turnsOf(response: string | Pick<Response, 'content' | 'messages'> | null): Message[] {
  if (response === null) return [];
  if (typeof response === 'string') return [{ role: 'assistant', content: response }];
  if (response.messages) return response.messages;
  return [{ role: 'assistant', content: response.content ?? '' }];
}
