// The token limit of an answer: what a refusal says about the model's context, or about the maximum for an answer.

/** Below this an answer is useless. */
const LEAST_ROOM = 16;

export type Room =
  /** The maximum that any request may ask for. */
  | { limit: number }
  /** What this conversation leaves of the context; null: not stated, but the endpoint may know it. */
  | { room: number | null };

const LIMITS = [
  /range (?:of|for)\W*max\w*tokens\W*(?:is|should be|must be)?\W*\[?\s*\d+\s*,\s*(\d+)/i, // DeepSeek, DashScope
  /at most (\d+) (?:completion|output) tokens/i, // OpenAI
  /max\w*tokens\W*(?:must|should) be (?:less than or equal to|at most|no (?:more|greater) than)\W*(\d+)/i, // Groq
  /max\w*tokens\W+\d+ ?> ?(\d+)/i, // Anthropic
  /max\w*tokens.{0,80}expected a value <= ?(\d+)/i, // Volcano Ark
  /max\w*tokens.{0,40}(?:cannot|can't|must not|should not) (?:exceed|be (?:greater|larger|more) than)\W*(\d+)/i,
  /max\w*tokens.{0,30}(?:between|range|\[)\W*\d+\W*(?:and|to|,|-|~|到|至)\W*(\d+)/i,
  /max\w*tokens.{0,80}less than or equal to\D{0,4}(\d+)/i, // Pydantic
  /max\w*tokens.{0,20}(?:不能超过|不得超过|最大(?:值)?为|小于等于)\D{0,4}(\d+)/i,
];
const CONTEXTS = [
  /must be <= (\d+)\. Given/i, // TGI
  /(?:context|model)[\w' ]{0,30}?(?:length|window|size)\D{0,30}?(\d+)/i,
  /maximum (?:length|tokens)\D{0,20}(\d+)/i,
];
const INPUTS = [
  /\((\d+) (?:tokens )?in (?:the|your) (?:messages|prompt|input)/i, // OpenAI, vLLM
  /(?:has|with|contains) (\d+) (?:input|prompt) tokens/i, // vLLM
  /(\d+) tokens? (?:from|in|for|of) (?:the|your) (?:input|messages|prompt)/i, // SGLang
  /Given: (\d+) `?inputs/i, // TGI
  /(?:input|prompt)(?: token)?s? ?\((\d+)\)/i,
];

/**
 * What the refusal of a request for `asked` tokens teaches; undefined: the conversation itself is too long, or nothing
 * can be learned.
 */
export function roomIn(message: string, asked: number): Room | undefined {
  if (asked < LEAST_ROOM) return undefined;
  const text = message.replaceAll(/(\d),(?=\d{3}\b)/g, '$1');
  const find = (patterns: readonly RegExp[]) =>
    patterns.map((pattern) => pattern.exec(text)?.[1]).find((found) => found !== undefined);
  const [context, input] = [find(CONTEXTS), find(INPUTS)];
  if (context !== undefined && input !== undefined) {
    const room = Number(context) - Number(input);
    return room >= LEAST_ROOM && room < asked ? { room } : undefined;
  }
  const limit = find(LIMITS);
  if (limit !== undefined)
    return Number(limit) >= LEAST_ROOM && Number(limit) < asked ? { limit: Number(limit) } : undefined;
  return context !== undefined && Number(context) < LEAST_ROOM ? undefined : { room: null };
}
