// A judge's prompt: its placeholders, and how a pair of responses is filled in.

import { asMessages } from '../../data/conversation/messages';
import { textOfMessage } from '../../data/conversation/texts';
import type { Message, Prompt } from '../../data/types';
import { JudgeError } from '../errors';

/** What a judge is asked, as a conversation. */
export interface JudgeTemplate {
  readonly name: string;
  readonly system?: string;
  /**
   * Has {prompt}, {response_a} and {response_b}, and optionally {history} and {system_prompt}. `{{word}}` gives a
   * literal `{word}`.
   */
  readonly user: string;
  /**
   * What a prompt of several turns becomes. `transcript`: {prompt} is the whole conversation, each turn under its
   * role's name; `separate`: {prompt} is the last turn and {history} the transcript of the earlier ones; `refuse`: such
   * a prompt is an error.
   */
  readonly history: 'transcript' | 'separate' | 'refuse';
  /** How a transcript names the roles; a role without a name here is written unchanged. */
  readonly roles: Readonly<Record<string, string>>;
  readonly parser: { name: string; options: Record<string, unknown> };
  /** Whether reasoning (`<think>…</think>`) is removed before parsing. */
  readonly reasoning: 'strip' | 'keep';
  /** The letters that the first token may be in letter-logit judging. */
  readonly letters: { a: string; b: string };
}

/** A turn with only text, as judges receive it. */
export type TextMessage = { role: string; content: string };

/** One judgement's texts: the response shown first is A. */
export interface JudgedPair {
  prompt: Prompt;
  systemPrompt?: string;
  responseA: string;
  responseB: string;
}

const PLACEHOLDERS = ['prompt', 'response_a', 'response_b', 'history', 'system_prompt'] as const;
const NEEDED = ['prompt', 'response_a', 'response_b'] as const;
const PATTERN = /\{\{([a-z][a-z0-9_]*)\}\}|\{([a-z][a-z0-9_]*)\}/g;

/** @throws JudgeError if a required placeholder is missing, or one is not known. */
export function checkTemplate(template: JudgeTemplate): JudgeTemplate {
  const used = new Set(
    [...`${template.user}\n${template.system ?? ''}`.matchAll(PATTERN)].flatMap((match) => match[2] ?? []),
  );
  const inUser = new Set([...template.user.matchAll(PATTERN)].flatMap((match) => match[2] ?? []));
  for (const name of NEEDED) {
    if (!inUser.has(name))
      throw new JudgeError(`The judge template "${template.name}" lacks {${name}} in its user text.`);
  }
  for (const name of used) {
    if ((PLACEHOLDERS as readonly string[]).includes(name)) continue;
    throw new JudgeError(
      `The judge template "${template.name}" names {${name}}, which is not a placeholder; known ones: ` +
        `${PLACEHOLDERS.map((known) => `{${known}}`).join(', ')}. ` +
        `For these characters themselves write {{${name}}}.`,
    );
  }
  if (template.history === 'separate' && !used.has('history')) {
    throw new JudgeError(
      `The judge template "${template.name}" has "history: separate" but no {history} where the earlier turns ` +
        'would go.',
    );
  }
  if (template.history !== 'separate' && used.has('history')) {
    throw new JudgeError(
      `The judge template "${template.name}" names {history}, which only "history: separate" fills.`,
    );
  }
  return template;
}

/**
 * The conversation that asks the judge. Every placeholder is filled in one pass, so that a response which itself
 * contains "{response_b}" stays unchanged. A system prompt of the data is part of the transcript unless {system_prompt}
 * asks for it.
 * @throws JudgeError for several turns if the template refuses them.
 */
export function renderPair(template: JudgeTemplate, pair: JudgedPair): TextMessage[] {
  const named = /(?<!\{)\{system_prompt\}(?!\})/.test(template.user + (template.system ?? ''));
  const turns = turnsOf(pair, !named);
  const system = named ? (pair.systemPrompt ?? '') : '';
  const { prompt, history } = splitTurns(template, turns);
  const values: Record<string, string> = {
    prompt,
    history,
    system_prompt: system,
    response_a: pair.responseA,
    response_b: pair.responseB,
  };
  const fill = (text: string) =>
    text.replace(PATTERN, (_, doubled: string | undefined, name: string) =>
      doubled === undefined ? values[name]! : `{${doubled}}`,
    );
  const messages: TextMessage[] =
    template.system === undefined ? [] : [{ role: 'system', content: fill(template.system) }];
  return [...messages, { role: 'user', content: fill(template.user) }];
}

function turnsOf({ prompt, systemPrompt }: JudgedPair, withSystem: boolean): Message[] {
  const turns = asMessages(prompt);
  return withSystem && systemPrompt !== undefined ? [{ role: 'system', content: systemPrompt }, ...turns] : turns;
}

function splitTurns(template: JudgeTemplate, turns: readonly Message[]): { prompt: string; history: string } {
  if (turns.length <= 1) return { prompt: turns[0] ? textOfMessage(turns[0]) : '', history: '' };
  if (template.history === 'transcript') return { prompt: transcript(turns, template.roles), history: '' };
  if (template.history === 'separate')
    return { prompt: textOfMessage(turns.at(-1)!), history: transcript(turns.slice(0, -1), template.roles) };
  throw new JudgeError(
    `The judge template "${template.name}" takes prompts of one turn only ("history: refuse"), but a prompt has ` +
      `${turns.length} turns, a system prompt included. ` +
      'Choose "history: transcript" or "history: separate".',
  );
}

/** Each turn under its role's name: "[用户]\n…", turns separated by a blank line. */
export function transcript(turns: readonly Message[], roles: Readonly<Record<string, string>>): string {
  return turns.map((turn) => `[${roles[turn.role] ?? turn.role}]\n${textOfMessage(turn)}`).join('\n\n');
}
