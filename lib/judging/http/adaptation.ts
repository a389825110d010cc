// What an endpoint's refusals teach about the form of its requests. Changes that cannot affect a verdict are made and
// reported; others are only reported.

import type { Said } from './refusals';
import { roomIn } from './room';
import { knob } from '../../text/knobs';

type Body = Readonly<Record<string, unknown>>;

/** For one conversation only: the number of tokens left for its answer; null: unknown, the endpoint decides. */
export interface OwnRoom {
  room?: number | null;
}

const LENGTH_FIELDS = ['max_tokens', 'max_completion_tokens'] as const;
const NEEDS_STREAM = new RegExp(
  [
    '(?:only|must|please|requires?|need)\\b.{0,60}\\bstream',
    '\\bstream\\w*\\b.{0,40}(?:only|required|(?:must|has to) be (?:set to )?true|is mandatory)',
    'non-?stream|仅支持流式|只支持流式|流式(?:调用|输出)',
  ].join('|'),
  'i',
);

export class Adaptation {
  private streams = false;
  private withUsage = true;
  private renamed = false;
  private limit = Infinity;
  private fitted = 0;
  private unknown = 0;
  private readonly told = new Set<string>();

  /** The request in the form that this endpoint accepts. */
  shape(body: Body, { room }: OwnRoom): Record<string, unknown> {
    const shaped: Record<string, unknown> = { ...body };
    const field = lengthField(body);
    if (field !== undefined) {
      const asked = Math.min(body[field] as number, this.limit, room ?? Infinity);
      delete shaped[field];
      if (room !== null) shaped[this.renamed ? 'max_completion_tokens' : field] = asked;
    }
    if (this.streams) shaped['stream'] = true;
    if (shaped['stream'] === true && this.withUsage && !('stream_options' in body))
      shaped['stream_options'] = { include_usage: true };
    return shaped;
  }

  /** Whether the refusal of a request taught something, so that trying again in another form is worthwhile. */
  learn({ message, code, param }: Said, sent: Body, own: OwnRoom): boolean {
    const all = `${message} ${code} ${param ?? ''}`;
    if (
      sent['max_tokens'] !== undefined &&
      /max_completion_tokens/.test(message) &&
      /unsupported|not supported|instead|deprecated/i.test(message)
    ) {
      this.renamed = true;
      return this.tell('This endpoint takes max_completion_tokens, not max_tokens; it was sent that.');
    }
    if (/stream_options|include_usage/.test(all) && sent['stream_options'] !== undefined && this.withUsage) {
      this.withUsage = false;
      return this.tell('This endpoint does not count tokens where it streams.');
    }
    if (sent['stream'] === undefined && NEEDS_STREAM.test(message)) {
      this.streams = true;
      return this.tell('This endpoint only streams; its answers were taken so.');
    }
    return /max\w*tokens|context|length|长度|上下文/i.test(all) && this.learnRoom(all, sent, own);
  }

  /** The same for a conversation that is reported as too long: a smaller limit for its answer may be enough. */
  learnRoom(message: string, sent: Body, own: OwnRoom): boolean {
    const field = lengthField(sent);
    if (field === undefined) return false;
    const asked = sent[field] as number;
    const found = roomIn(message, asked);
    if (found === undefined) return false;
    if ('limit' in found) {
      this.limit = found.limit;
      return this.tell(
        `This endpoint's answers have at most ${found.limit} tokens; that many were asked for, not ${asked}.`,
      );
    }
    own.room = found.room;
    return true;
  }

  /** An answer arrived with a smaller limit than requested. */
  noteFitted({ room }: OwnRoom): void {
    if (room !== undefined) this.fitted++;
  }

  noteUnknownRefusal(): void {
    this.unknown++;
  }

  /** Sentences for the report. */
  notes(): string[] {
    return [...this.told, ...this.noteOfFitted(), ...this.noteOfUnknown()];
  }

  private noteOfUnknown(): string[] {
    if (this.unknown === 0) return [];
    const count =
      `Refusals in words that name no filter, taken for one as other conversations were answered: ` +
      `${this.unknown}.`;
    return [`${count} They are not kept; the same command asks again.`];
  }

  private noteOfFitted(): string[] {
    if (this.fitted === 0) return [];
    const fitted =
      `Answers with less room than ${knob('judgeMaxTokens')}, as much as the model's context left: ` +
      `${this.fitted}.`;
    return [`${fitted} A lower ${knob('judgeMaxTokens')} asks once.`];
  }

  private tell(sentence: string): true {
    this.told.add(sentence);
    return true;
  }
}

function lengthField(body: Body): (typeof LENGTH_FIELDS)[number] | undefined {
  return LENGTH_FIELDS.find((name) => typeof body[name] === 'number');
}

/** The number of tokens that a request leaves for its answer. */
export function askedTokens(body: Body): number | undefined {
  const field = lengthField(body);
  return field === undefined ? undefined : (body[field] as number);
}

/** What helps against a refusal that names a field of the request; '' if nothing is known. */
export function remedyFor({ message, param }: Said, body: Body, extra: Body = {}): string {
  const names = (field: string) => param === field || new RegExp(`(?<![\\w-])${field}(?![\\w-])`, 'i').test(message);
  if (body['logprobs'] === true && /logprobs/i.test(`${message} ${param ?? ''}`)) return logprobsRemedy(message);
  if (/system (?:role|message|prompt|instruction)s?\b.{0,40}\bnot (?:supported|allowed|enabled)/i.test(message)) {
    return `This model takes no system turn; give a ${knob('judgeTemplate')} without one.`;
  }
  const field = Object.keys(body).find(
    (name) => !['messages', 'model', 'stream', 'stop', 'seed'].includes(name) && names(name),
  );
  const quoted =
    field ??
    ['stop', 'seed'].find(
      (name) => name in body && (param === name || new RegExp(`['"\`]${name}['"\`]`).test(message)),
    );
  if (quoted === undefined) return '';
  if (quoted in extra) return `"${quoted}" comes from ${knob('judgeExtra')}; change it there or take it out.`;
  const without = `${knob('judgeExtra', JSON.stringify({ [quoted]: null }))} leaves it out`;
  if (quoted === 'temperature') {
    const isOne = /default \(1\)|must be 1\b|only 1\b/i.test(message);
    const give = isOne ? `Give ${knob('judgeTemperature', 1)}` : `Give another ${knob('judgeTemperature')}`;
    return `${give}, or ${without}; the judge then samples.`;
  }
  return `If this endpoint does not know "${quoted}": ${without}.`;
}

function logprobsRemedy(message: string): string {
  const most =
    /(?:<=|at most|less than or equal to|up to|maximum(?: value)?(?: of| is)?|between \d+ and|\[\s*0\s*,)\D{0,8}(\d+)/i.exec(
      message,
    )?.[1];
  if (/top_logprobs/i.test(message) && most !== undefined && Number(most) >= 2)
    return `Give ${knob('judgeExtra', `{"top_logprobs": ${most}}`)}.`;
  return (
    `This judge gives no probabilities of tokens, which ${knob('judgeMode', 'logits')} reads; use ` +
    `${knob('judgeMode', 'text')}.`
  );
}
