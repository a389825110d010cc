// An endpoint on this machine and a completer that asks it, for tests.
import type { ExecutionContext } from 'ava';
import { mkdtempSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import type { Message } from '../data/types';
import { startJudgeServer, type JudgeServer, type JudgeServerOptions } from './judge_server';
import type { CompletionOptions } from '../judging/completer';
import { type HttpCompleter, openEndpoint } from '../judging/http/http_completer';
import type { EndpointOptions } from '../judging/http/options';

export const GREEDY: CompletionOptions = { temperature: 0, maxTokens: 16 };
export const FAST = { from: 1, to: 4 };
export const talk = (text: string): Message[] => [{ role: 'user', content: text }];
export const folder = () => mkdtempSync(join(tmpdir(), 'endpoint-'));
export const echo: JudgeServerOptions = { answer: ({ messages }) => `re: ${messages[0]!.content}` };

export async function withServer(
  t: ExecutionContext,
  server: JudgeServerOptions,
  options: Partial<EndpointOptions>,
  work: (completer: HttpCompleter, server: JudgeServer) => Promise<void>,
): Promise<void> {
  const running = await startJudgeServer(server);
  const completer = await openEndpoint({
    endpoint: running.url,
    model: 'judge',
    backoffMs: FAST,
    keyVariable: 'CHEEMS_TEST_NO_KEY',
    ...options,
  });
  try {
    await work(completer, running);
  } finally {
    await completer.dispose();
    await running.close();
  }
  t.pass();
}
