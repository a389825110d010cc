// An HTTP judge against a server that answers as a provider does, for tests.

import { mkdtempSync, readFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import type { ExecutionContext } from 'ava';
import type { Completion } from '../judging/completer';
import { type HttpCompleter, openEndpoint } from '../judging/http/http_completer';
import type { EndpointOptions } from '../judging/http/options';
import { startJudgeServer, type ChatRequest, type JudgeServer, type JudgeServerOptions } from './judge_server';

export type Reply = { status: number; body: unknown; headers?: Record<string, string> };
const talk = (text: string) => [{ role: 'user' as const, content: text }];
export const said = (message: string, code: unknown = null, type: unknown = null) => ({
  error: { message, code, type, param: null },
});
export const answered = (
  content: unknown,
  finish: unknown = 'stop',
  message: object = {},
  usage: unknown = { prompt_tokens: 5, completion_tokens: 3 },
) => ({
  choices: [{ index: 0, message: { role: 'assistant', content, ...message }, finish_reason: finish }],
  usage,
});
export const OK: Reply = { status: 200, body: answered('[[A]]') };

export interface EndpointRun {
  completer: HttpCompleter;
  server: JudgeServer;
  /** What is on disk. */
  kept: () => string;
  ask: (texts: string[], maxTokens?: number) => Promise<Completion[]>;
}

export async function against(
  t: ExecutionContext,
  reply: (request: ChatRequest, attempt: number) => Reply,
  work: (run: EndpointRun) => Promise<void>,
  options: Partial<EndpointOptions> = {},
): Promise<void> {
  const seen = new Map<string, number>();
  const counted: JudgeServerOptions['reply'] = (request) => {
    const text = request.messages.at(-1)!.content;
    const attempt = seen.get(text) ?? 0;
    seen.set(text, attempt + 1);
    return reply(request, attempt);
  };
  const server = await startJudgeServer({ answer: () => '', reply: counted });
  const cacheFile = join(mkdtempSync(join(tmpdir(), 'provider-')), 'cache.jsonl');
  const completer = await openEndpoint({
    endpoint: server.url,
    model: 'judge',
    backoffMs: { from: 1, to: 4 },
    keyVariable: 'CHEEMS_TEST_NO_KEY',
    cacheFile,
    ...options,
  });
  try {
    const ask: EndpointRun['ask'] = (texts, maxTokens = 4096) =>
      completer.complete(texts.map(talk), { temperature: 0, maxTokens });
    await work({ completer, server, ask, kept: () => readFileSync(cacheFile, 'utf8') });
  } finally {
    await completer.dispose();
    await server.close();
  }
  t.pass();
}
