// Assembles an answer that arrives as server-sent events into the form of a complete one.
// https://html.spec.whatwg.org/multipage/server-sent-events.html#event-stream-interpretation

type Fields = Record<string, unknown>;

export class BrokenStream extends Error {
  override readonly name = 'BrokenStream';
}

/** Some endpoints send events without declaring it, or although nobody asked for them. */
export function isEventStream(contentType: string | null, text: string): boolean {
  if (/^\s*[{[]/.test(text)) return false;
  return /text\/event-stream/i.test(contentType ?? '') || /^(?::|data:|event:|id:|retry:)/.test(text.trimStart());
}

/**
 * The body that the same answer would have as a whole: one choice with a message; or the event that holds an error.
 * @throws BrokenStream if the events end before the answer does, or one of them is not JSON.
 */
export function bodyOfEvents(text: string): unknown {
  const answer = new StreamedAnswer();
  let ended = false;
  for (const data of eventsOf(text)) {
    if (data === '[DONE]') {
      ended = true;
      break;
    }
    let event: unknown;
    try {
      event = JSON.parse(data);
    } catch {
      throw new BrokenStream('an event is no JSON, or is cut off');
    }
    const error = errorEvent(event);
    if (error !== undefined) return error;
    answer.take(event as Fields);
  }
  if (!ended && !answer.hasFinish) throw new BrokenStream('the stream was cut off');
  return answer.body();
}

function errorEvent(event: unknown): unknown {
  if (typeof event !== 'object' || event === null) throw new BrokenStream('an event is no JSON object');
  const { error, object, base_resp: base } = event as Fields & { base_resp?: { status_code?: unknown } };
  const failed =
    (error !== undefined && error !== null) ||
    object === 'error' ||
    (typeof base?.status_code === 'number' && base.status_code !== 0);
  return failed ? event : undefined;
}

/** The data of each event; comments, which keep the connection alive, and other fields are skipped. */
function* eventsOf(text: string): Generator<string> {
  let data: string[] = [];
  for (const line of text.split(/\r\n|\n|\r/)) {
    if (line === '') {
      if (data.length > 0) yield data.join('\n');
      data = [];
    } else if (line.startsWith('data:')) {
      const value = line.slice(line[5] === ' ' ? 6 : 5);
      // Not all servers separate events by an empty line.
      if (data.length > 0 && /^\s*(?:\{|\[DONE\])/.test(value) && isWhole(data.join('\n'))) {
        yield data.join('\n');
        data = [];
      }
      data.push(value);
    }
  }
  if (data.length > 0) yield data.join('\n');
}

function isWhole(text: string): boolean {
  try {
    JSON.parse(text);
    return true;
  } catch {
    return text === '[DONE]';
  }
}

const TEXTS = ['content', 'reasoning_content', 'reasoning', 'refusal'] as const;

class StreamedAnswer {
  private readonly texts: Partial<Record<(typeof TEXTS)[number], string>> = {};
  private readonly probabilities: unknown[] = [];
  private finish: unknown;
  private usage: unknown;
  private toolCalls = false;
  private chunks = 0;

  get hasFinish(): boolean {
    return this.finish !== undefined && this.finish !== null;
  }

  take(event: Fields): void {
    if (event['usage'] !== undefined && event['usage'] !== null) this.usage = event['usage'];
    const { choices } = event;
    if (!Array.isArray(choices)) return;
    const choice = (choices as Fields[]).find(({ index }) => index === undefined || index === null || index === 0);
    if (!choice) return;
    this.chunks++;
    const { delta, message, finish_reason: finish, logprobs } = choice;
    if (finish !== undefined && finish !== null && finish !== '') this.finish = finish;
    const content = (logprobs as { content?: unknown } | null | undefined)?.content;
    if (Array.isArray(content)) this.probabilities.push(...(content as unknown[]));
    // A complete message at the end repeats what the pieces said.
    if (delta !== undefined && delta !== null) this.add(delta as Fields);
    else if (Object.keys(this.texts).length === 0 && message) this.add(message as Fields);
  }

  private add(part: Fields): void {
    for (const name of TEXTS) {
      const text = textOf(part[name]);
      if (text !== '') this.texts[name] = (this.texts[name] ?? '') + text;
    }
    if (Array.isArray(part['tool_calls']) && part['tool_calls'].length > 0) this.toolCalls = true;
  }

  body(): Fields {
    if (this.chunks === 0) return { choices: [] };
    const message = { content: null, ...this.texts, ...(this.toolCalls ? { tool_calls: [{}] } : {}) };
    const logprobs = this.probabilities.length > 0 ? { content: this.probabilities } : null;
    return { choices: [{ message, finish_reason: this.finish ?? null, logprobs }], usage: this.usage ?? null };
  }
}

function textOf(value: unknown): string {
  if (typeof value === 'string') return value;
  if (!Array.isArray(value)) return '';
  return value.map((part: { text?: unknown }) => (typeof part?.text === 'string' ? part.text : '')).join('');
}
