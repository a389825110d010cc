// The names that a chat template reads.

import { isPlain } from '../data/conversation/messages';
import type { Message, Prompt, Response, TemplateVariables } from '../data/types';
import { readTokenizerFiles } from './tokenizer_files';
import type { TokenizerSource } from './sample_builder';

/** Whether the template's source mentions the variable or key. */
export function reads(source: string, name: string): boolean {
  return new RegExp(`(?<![\\w.])${name.replaceAll(/\W/g, '\\$&')}(?!\\w)`).test(source);
}

const readsKey = (source: string, key: string): boolean =>
  new RegExp(`(?<!\\w)${key.replaceAll(/\W/g, '\\$&')}(?!\\w)`).test(source);

/** Caches the answers: data sets ask for the same few names. */
export class TemplateNames {
  private readonly variables = new Map<string, boolean>();
  private readonly keys = new Map<string, boolean>();
  /** Templates that print whole messages read every key. */
  private readonly printsMessages: boolean;

  constructor(private readonly source: string) {
    this.printsMessages = /\b(?:messages?|m|turn)\s*\|\s*tojson|\.items\(\)/.test(source);
  }

  /** What is given but not read: keys of messages besides role and content, and variables. */
  unread(messages: readonly Message[], variables: TemplateVariables = {}): string[] {
    const names = new Set(Object.keys(variables).filter((name) => !this.ask(this.variables, name, reads)));
    if (this.printsMessages) return [...names];
    for (const { role: _role, content: _content, ...others } of messages) {
      for (const key of Object.keys(others)) if (!this.ask(this.keys, key, readsKey)) names.add(key);
    }
    return [...names];
  }

  private ask(known: Map<string, boolean>, name: string, look: (source: string, name: string) => boolean): boolean {
    let answer = known.get(name);
    if (answer === undefined) known.set(name, (answer = look(this.source, name)));
    return answer;
  }
}

/** The same for samples; the template is parsed when the first of them has more than texts. */
export class UnreadNames {
  private names: TemplateNames | undefined;

  constructor(private readonly source: TokenizerSource) {}

  of(
    { prompt, templateVariables }: { prompt: Prompt; templateVariables?: TemplateVariables },
    { messages = [] }: Pick<Response, 'messages'>,
  ): string[] {
    const turns = typeof prompt === 'string' ? messages : [...prompt, ...messages];
    if (templateVariables === undefined && turns.every((turn) => turn.content !== null && isPlain(turn))) return [];
    this.names ??= new TemplateNames(this.templateSource());
    return this.names.unread(turns, templateVariables);
  }

  /** Models that read pairs have no template: none of a template's inputs is read. */
  private templateSource(): string {
    const { folder, chatTemplateFile, form, held } = this.source;
    if (form === 'pair') return '';
    return readTokenizerFiles(folder, chatTemplateFile, held).chatTemplate?.source ?? '';
  }
}
