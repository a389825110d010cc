// A conversation -> the token ids after which the model writes its answer.

import { OWN_VARIABLES } from '../data/conversation/conversation';
import { textOfMessage } from '../data/conversation/texts';
import type { Message, TemplateVariables } from '../data/types';
import { ChatTemplate } from '../tokenization/chat_template';
import { readTokenizerFiles } from '../tokenization/tokenizer_files';
import { refuseSpecialToken, SpecialTokens } from '../tokenization/special_tokens';
import type { SpecialTokensInText } from '../options/special_tokens';
import { reads, TemplateNames } from '../tokenization/template_names';
import { TextTokenizer } from '../tokenization/text_tokenizer';
import { GenerationError } from './errors';
import { openThoughts } from './thoughts';
import { rebuiltByTransformers } from '../tokenization/transformers_classes';
import { knob } from '../text/knobs';

export interface PromptOptions {
  /** A Jinja file to use instead of the model folder's chat template. */
  chatTemplateFile?: string | undefined;
  /** Variables that the template reads, such as `{enable_thinking: false}`. */
  templateOptions?: TemplateVariables | undefined;
  /**
   * What to do with special tokens in the texts of a conversation: 'keep' (the default) reads them as if the template
   * had written them.
   */
  specialTokensInText?: SpecialTokensInText | undefined;
}

export interface EncodedPrompt {
  ids: Int32Array;
  /** The reasoning tag that the template has opened for the model: `think`. */
  thoughts?: string;
  /** The last tokens of the text that is continued. */
  before?: number[];
  /** Whether a text of the conversation holds a special token, even if it was escaped. */
  specialInText?: boolean;
  /** Variables and fields that were given to the chat template but that it does not read. */
  unread?: string[];
}

/** Number of preceding tokens needed to decode the next one: enough for the bytes of one character. */
const TAIL = 8;
/** The text of a turn when the template is rendered as a trial. */
const MARK = 'turn-of-a-trial';

export class PromptBuilder {
  readonly tokenizer: TextTokenizer;
  private readonly template: ChatTemplate | undefined;
  private readonly variables: TemplateVariables;
  private readonly names: TemplateNames;
  private readonly specials: SpecialTokens;
  private readonly specialTokensInText: SpecialTokensInText;
  private readonly folder: string;
  /** A sentence if transformers 5 may produce other ids. */
  readonly rebuiltNote: string | undefined;
  private system: 'turn' | 'folded' | undefined;

  /** @throws TokenizerError, or GenerationError for a variable that the template does not read. */
  constructor(
    folder: string,
    { chatTemplateFile, templateOptions = {}, specialTokensInText = 'keep' }: PromptOptions = {},
  ) {
    const files = readTokenizerFiles(folder, chatTemplateFile);
    this.folder = folder;
    this.tokenizer = new TextTokenizer(files);
    this.rebuiltNote = rebuiltByTransformers(files.tokenizer, files.config);
    this.variables = templateOptions;
    this.specialTokensInText = specialTokensInText;
    this.specials = new SpecialTokens(files.tokenizer, files.config);
    this.names = new TemplateNames(files.chatTemplate?.source ?? '');
    if (!files.chatTemplate) return;
    const { source, file } = files.chatTemplate;
    for (const name of Object.keys(templateOptions)) {
      if (OWN_VARIABLES.includes(name))
        throw new GenerationError(
          `"${name}" is a variable that the conversation gives to the chat template; it cannot be a template option.`,
        );
      if (!reads(source, name)) {
        throw new GenerationError(
          `The chat template in ${file} reads no variable "${name}", so it would have no effect. Remove it ` +
            `from the template options.`,
        );
      }
    }
    this.template = new ChatTemplate(source, file, files.specialTokens);
  }

  get hasTemplate(): boolean {
    return this.template !== undefined;
  }

  /**
   * How a system turn reaches the model: as a turn of its own, or, if the template refuses or drops one, at the
   * beginning of the first user turn.
   */
  get systemTurns(): 'turn' | 'folded' {
    this.system ??= this.takesSystemTurns() ? 'turn' : 'folded';
    return this.system;
  }

  /**
   * The conversation as the template writes it, the beginning of the answer included. @throws TokenizerError,
   * GenerationError
   */
  render(messages: readonly Message[], variables: TemplateVariables = {}): string {
    if (!this.template) {
      throw new GenerationError(
        `${this.folder} has no chat template (neither chat_template.jinja nor chat_template in ` +
          'tokenizer_config.json). Name a Jinja file with ' +
          `${knob('chatTemplateFile', 'FILE')}, or, for a model that only continues texts, generate with ` +
          `${knob('raw')}.`,
      );
    }
    const hasSystem = messages.some(({ role }) => role === 'system');
    const turns = hasSystem && this.systemTurns === 'folded' ? folded(messages) : messages;
    return this.template.render(turns, true, { ...this.variables, ...variables });
  }

  /** Only the template adds special tokens, so that BOS is never doubled. */
  encode(messages: readonly Message[], variables: TemplateVariables = {}): EncodedPrompt {
    const isEscaped = this.escapes(this.specials.findIn([messages, variables]));
    const text = isEscaped
      ? this.render(this.specials.marked(messages), this.specials.marked(variables))
      : this.render(messages, variables);
    const thoughts = openThoughts(text);
    const unread = this.names.unread(messages, variables);
    return {
      ids: isEscaped ? Int32Array.from(this.specials.encodeMarked(text)) : this.tokenizer.encode(text),
      ...(thoughts === undefined ? {} : { thoughts }),
      ...(isEscaped === undefined ? {} : { specialInText: true }),
      ...(unread.length > 0 ? { unread } : {}),
    };
  }

  /**
   * A text to continue unchanged, after the tokens that the tokenizer puts before any text. Special tokens in it are
   * kept, unless they are to be escaped or refused.
   */
  encodeText(text: string): EncodedPrompt {
    const isEscaped = this.escapes(this.specials.findIn(text)) === true;
    const ids = isEscaped ? this.tokenizer.between(this.specials.encodePlain(text)) : this.tokenizer.encode(text, true);
    return { ids, before: [...ids.subarray(-TAIL)] };
  }

  /**
   * Whether the special token that was found is to be escaped; undefined if none was found. @throws TokenizerError if
   * it is refused.
   */
  private escapes(special: string | undefined): boolean | undefined {
    if (special === undefined) return undefined;
    return this.specialTokensInText === 'refuse' ? refuseSpecialToken(special) : this.specialTokensInText === 'escape';
  }

  /** The token with which the template ends an answer, such as `<|im_end|>`; undefined if it uses none. */
  endOfTurn(): number | undefined {
    let text: string;
    try {
      text =
        this.template?.render(
          [
            { role: 'user', content: 'q' },
            { role: 'assistant', content: MARK },
          ],
          false,
          this.variables,
        ) ?? '';
    } catch {
      return undefined; // the template does not accept such a conversation
    }
    const rest = text.slice(text.lastIndexOf(MARK) + MARK.length).trimStart();
    const [first] = rest === '' || !text.includes(MARK) ? [] : this.tokenizer.encode(rest);
    return first !== undefined && this.tokenizer.isSpecial(first) ? first : undefined;
  }

  private takesSystemTurns(): boolean {
    try {
      return this.template!.render(
        [
          { role: 'system', content: MARK },
          { role: 'user', content: 'q' },
        ],
        true,
        this.variables,
      ).includes(MARK);
    } catch {
      return false;
    }
  }
}

/** The messages with the system turns' text moved to the beginning of the first user turn. */
function folded(messages: readonly Message[]): Message[] {
  const system = messages.filter(({ role }) => role === 'system').map(textOfMessage);
  const rest = messages.filter(({ role }) => role !== 'system');
  const first = rest.findIndex(({ role }) => role === 'user');
  if (first < 0)
    throw new GenerationError(
      'The chat template accepts no system turn, and the conversation has no user turn to put the system text into.',
    );
  return rest.map((message, i) =>
    i === first ? { ...message, content: [...system, message.content ?? ''].join('\n\n') } : message,
  );
}
