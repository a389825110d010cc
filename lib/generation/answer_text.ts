// One answer, built up as its tokens arrive: reasoning is separated from the text, and stop strings are found even if
// they span tokens.

import { Detokenizer } from '../tokenization/detokenizer';
import type { TextTokenizer } from '../tokenization/text_tokenizer';
import { beginning } from './thoughts';

export interface AnswerTextOptions {
  /** Strings that end the answer; searched for in the answer, not in the reasoning before it. */
  stop: readonly string[];
  /** Tokens that end the answer; they are not part of its text. */
  stopTokens: ReadonlySet<number>;
  /** The reasoning tag that the prompt has opened. */
  thoughts?: string | undefined;
  /** The last tokens of the text that the answer continues. */
  before?: readonly number[] | undefined;
}

export interface AnswerParts {
  text: string;
  reasoning?: string;
  /** Whether a stop string ended the answer. */
  stopped: boolean;
  /** Tokens up to the end of the answer, including those of a stop string. */
  tokens: number;
}

/** Special tokens are not text, except those that mark reasoning. */
const THOUGHT_MARK = /^<\/?(?:think|thinking|reasoning)>$/;

export class AnswerText {
  private readonly detokenizer: Detokenizer;
  private all = '';
  private tokens = 0;
  private state: 'beginning' | 'thoughts' | 'answer';
  private tag = '';
  /** Where in `all` the reasoning begins and ends, and where the answer begins. */
  private thoughts: { begin: number; end: number } | undefined;
  private answer = 0;
  /** The text before this position holds no stop string. */
  private searched = 0;
  private end: number | undefined;
  private readonly longestStop: number;

  constructor(
    private readonly tokenizer: TextTokenizer,
    private readonly options: AnswerTextOptions,
  ) {
    this.detokenizer = new Detokenizer(tokenizer, options.before);
    this.longestStop = Math.max(0, ...options.stop.map(({ length }) => length));
    this.state = options.thoughts === undefined ? 'beginning' : 'thoughts';
    if (options.thoughts !== undefined) {
      this.tag = options.thoughts;
      this.thoughts = { begin: 0, end: Infinity };
    }
  }

  /** Takes the next tokens. Returns true once a stop string is found: what comes after it is ignored. */
  push(ids: Iterable<number>): boolean {
    for (const id of ids) {
      if (this.end !== undefined) return true;
      this.tokens += 1;
      if (this.isText(id)) this.take(this.detokenizer.push(id));
    }
    return this.end !== undefined;
  }

  /** The answer, after the last token. An incomplete character at its end is left out. */
  finish(): AnswerParts {
    if (this.end === undefined) this.take(this.detokenizer.end());
    if (this.state === 'beginning') this.begin('answer');
    const { thoughts, all, tokens } = this;
    const reasoning = thoughts && all.slice(thoughts.begin, thoughts.end).trim();
    const answer = this.state === 'thoughts' ? '' : all.slice(this.answer, this.end);
    return {
      text: answer,
      ...(reasoning === undefined || reasoning === '' ? {} : { reasoning }),
      stopped: this.end !== undefined,
      tokens,
    };
  }

  private isText(id: number): boolean {
    if (this.options.stopTokens.has(id) || !this.tokenizer.has(id)) return false;
    return !this.tokenizer.isSpecial(id) || THOUGHT_MARK.test(this.tokenizer.addedToken(id)!);
  }

  private take(fresh: string): void {
    if (fresh === '') return;
    this.all += fresh;
    if (this.state === 'beginning') {
      const found = beginning(this.all);
      if (found.kind === 'undecided') return;
      if (found.kind === 'thoughts') {
        this.tag = found.tag;
        this.thoughts = { begin: found.begin, end: Infinity };
      }
      this.begin(found.kind);
    } else {
      this.goOn();
    }
  }

  private begin(state: 'thoughts' | 'answer'): void {
    this.state = state;
    this.goOn();
  }

  private goOn(): void {
    if (this.state === 'thoughts') this.closeThoughts();
    if (this.state === 'answer') this.findStop();
  }

  private closeThoughts(): void {
    const closing = `</${this.tag}>`;
    const from = Math.max(this.thoughts!.begin, this.searched - closing.length + 1);
    const at = this.all.indexOf(closing, from);
    this.searched = this.all.length;
    if (at < 0) return;
    this.thoughts!.end = at;
    this.answer = this.searched = at + closing.length;
    this.state = 'answer';
  }

  private findStop(): void {
    // The blank lines between reasoning and answer belong to neither.
    while (this.thoughts && this.answer < this.all.length && /\s/.test(this.all[this.answer]!)) this.answer += 1;
    const from = Math.max(this.answer, this.searched - this.longestStop + 1);
    const places = this.options.stop.map((text) => this.all.indexOf(text, from)).filter((at) => at >= 0);
    this.searched = this.all.length;
    if (places.length > 0) this.end = Math.min(...places);
  }
}
