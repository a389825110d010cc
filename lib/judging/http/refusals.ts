// How providers refuse to answer a single conversation: a content filter, or its length. Then nothing is wrong with the
// run. The bodies are in http/providers.test.ts, each with its provider.

import type { Completion } from '../completer';

/** What a body says about a failure. */
export interface Said {
  message: string;
  /** Its codes and kinds, separated by spaces. */
  code: string;
  /** The parameter at fault, if the endpoint names one. */
  param?: string;
}

/** Codes of content filters; some come with a status of 403, 451 or 500. */
const FILTER_CODES = new RegExp(
  [
    'content[_-]?(?:filter|policy|moderation)', // OpenAI, Azure, Moonshot, Gemini
    'ResponsibleAIPolicy', // Azure
    'moderation_blocked|prompt_blocked|safety_block', // OpenAI, new-api
    'data_?inspection_?failed', // DashScope, in both its interfaces
    'sensitive_words_detected', // new-api, one-api
    'SensitiveContentDetected|(?:Input|Output)TextRiskDetection', // Volcano Ark
    'censorship_blocked', // StepFun
    'content_?security|content_?safety|unsafe|risk_?control|guardrail', // Tencent, Baidu, Bedrock
    'sensitive_check', // ModelVerse
    '\\b1301\\b', // Zhipu
    '\\b400008\\b', // Hunyuan
    '\\b10(?:013|014|019)\\b', // iFlytek Spark
    '\\b10(?:26|27)\\b', // MiniMax
  ].join('|'),
  'i',
);

/** Sentences of content filters, if the code says nothing. They must not match complaints about parameters. */
const FILTER_SENTENCES = new RegExp(
  [
    'content exists risk', // DeepSeek
    'sensitive (?:words?|content|info|chat|data|topic)|new_sensitive',
    '(?:input|output|content|text|prompt|messages?|question) (?:is|was|are|contains?) sensitive',
    'inappropr?iat?e content|unsafe content|harmful content|prohibited[ _]content',
    'illegal (?:content|information)|guardrail|content (?:is )?(?:unsafe|harmful|prohibited)',
    'considered high[ -]risk|rejected (?:by|as a result of) (?:the|our) safety|safety (?:system|filter|polic)',
    'for safety reasons',
    'content (?:management|usage|safety|moderation|security) (?:polic|filter|check|system)|content ?polic',
    '(?:response|prompt|content|output|input|message) (?:was |is |has been )?(?:filtered|blocked)',
    'blocked output|content[ _-]?filter(?:ed|ing)?\\b',
    'violat\\w+ (?:of )?(?:our |the |its )?(?:\\w+ )?(?:usage|content|safety|acceptable use)',
    'usage (?:guidelines|polic)',
    '(?:was|been|is) flagged|flagged (?:as|for|by)|requires moderation',
    '敏感|违规|违禁|违法|不合规|不安全|涉[政黄暴恐]|(?:内容|安全)(?:安全|审核|审查|风险|过滤)|审核(?:不|未)通过|不适当的?内容',
  ].join('|'),
  'i',
);

const TOO_LONG = new RegExp(
  [
    'context[ _](?:length|window|size)|maximum (?:context|input|model|prompt) (?:length|tokens)|exceed_context_size',
    'too long|longer than the (?:model|context)|range of input length|prompt (?:is|was) too (?:long|large)',
    'tokens_too_long|characters_too_long',
    'input tokens? .{0,40}exceed|exceed\\w* .{0,40}(?:input|prompt) tokens?|`inputs` tokens',
    'must have less than \\d+ tokens',
    '\\b(?:1039|1261)\\b', // MiniMax, Zhipu
    '(?:超出|超过).{0,16}(?:长度|上下文|token)|上下文(?:长度|窗口)|(?:输入|内容|文本)(?:过长|太长|长度超)|prompt ?超长',
  ].join('|'),
  'i',
);

/** Finish reasons of content filters. */
const FILTER_REASONS = new RegExp(
  [
    'content[_-]?filter',
    '^(?:sensitive|refusal|safety|blocklist|prohibited_content|spii|recitation|guardrail_intervened)\\b',
    '^(?:content_filtered|censored|moderation|risk_control)\\b',
  ].join('|'),
  'i',
);
/** Finish reasons of answers that broke off because of a failure: they are not answers. */
const FAILURE_REASONS = new RegExp(
  '^(?:network_error|insufficient_system_resource|error|abort(?:ed)?|cancel(?:l?ed)?|timeout|overloaded|' +
    'engine_overloaded|(?:server|internal|upstream|engine|unknown)_error)$',
  'i',
);
/** The context is full: treated like `length`. */
const LENGTH_REASONS = /^(?:length|max_tokens|max_output_tokens|model_context_window_exceeded|token_limit)$/i;

export const isFailureReason = (reason: string): boolean => FAILURE_REASONS.test(reason);

export function finishOf(reason: string | null | undefined): Completion['finish'] {
  if (!reason) return 'other';
  if (FILTER_REASONS.test(reason)) return 'filtered';
  if (LENGTH_REASONS.test(reason)) return 'length';
  return /^(?:stop|end_turn|eos|eos_token|stop_sequence|normal)$/i.test(reason) ? 'stop' : 'other';
}

/**
 * The refusal if a failure concerns only this conversation, which no later attempt changes; undefined for other
 * failures.
 */
export function refusalOf(status: number, { message, code }: Said): 'filtered' | 'too_long' | undefined {
  if (status === 413) return 'too_long';
  // About the key, the address, the account or the rate: never about a conversation.
  if ([401, 402, 404, 405, 407, 429].includes(status)) return undefined;
  if (status === 451 || FILTER_CODES.test(code)) return 'filtered';
  if (status >= 500 && status !== 500) return undefined;
  if (FILTER_SENTENCES.test(message) && !/case[ -]?sensitive|大小写敏感/i.test(message)) return 'filtered';
  return status !== 403 && TOO_LONG.test(`${code} ${message}`) ? 'too_long' : undefined;
}
