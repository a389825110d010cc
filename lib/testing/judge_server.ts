// An OpenAI-compatible endpoint for tests: it answers as it is told, fails as it is told, and counts.

import { createServer, type IncomingMessage, type Server, type ServerResponse } from 'node:http';
import type { AddressInfo } from 'node:net';
import { sha256 } from '../support/sha256';

export type Fault =
  '429' | '429 wait' | '500' | 'silence' | 'cut JSON' | 'reset' | 'reset in body' | 'no choices' | 'no JSON';

export interface ChatRequest {
  model: string;
  messages: { role: string; content: string }[];
  [field: string]: unknown;
}

export interface JudgeServerOptions {
  /** The text, or a whole choice. */
  answer: (request: ChatRequest) => string | Record<string, unknown>;
  /** `attempt`: how often the same request came before. */
  fault?: (request: ChatRequest, attempt: number) => Fault | undefined;
  /** Answers of another kind: status, body and headers. */
  reply?: (
    request: ChatRequest,
    message: IncomingMessage,
  ) => { status: number; body: unknown; headers?: Record<string, string> } | undefined;
  /** Milliseconds before a good answer. */
  delay?: number;
  port?: number;
}

interface LoggedRequest {
  at: number;
  digest: string;
  headers: IncomingMessage['headers'];
  authorization: string | undefined;
  url: string | undefined;
  request: ChatRequest;
}

export interface JudgeServer {
  /** The base address. */
  readonly url: string;
  readonly port: number;
  /** By request: how often it came, and how often it was answered in full. */
  readonly counts: ReadonlyMap<string, { came: number; answered: number }>;
  /** Every request in the order of its coming: when (ms), with which authorization. */
  readonly log: readonly LoggedRequest[];
  readonly mostAtOnce: number;
  answered(): number;
  close(): Promise<void>;
}

export async function startJudgeServer(options: JudgeServerOptions): Promise<JudgeServer> {
  const counts = new Map<string, { came: number; answered: number }>();
  const log: LoggedRequest[] = [];
  let [now, most] = [0, 0];
  const server: Server = createServer((message, response) => {
    let body = '';
    now++;
    most = Math.max(most, now);
    response.on('close', () => now--);
    message
      .setEncoding('utf8')
      .on('data', (chunk: string) => (body += chunk))
      .on('end', () => {
        const digest = sha256(body);
        const request = JSON.parse(body) as ChatRequest;
        const count = counts.get(digest) ?? { came: 0, answered: 0 };
        counts.set(digest, count);
        count.came++;
        log.push({
          at: performance.now(),
          digest,
          headers: message.headers,
          authorization: message.headers.authorization,
          url: message.url,
          request,
        });
        const reply = options.reply?.(request, message);
        if (reply) return void send(response, reply.status, reply.body, reply.headers);
        const fault = options.fault?.(request, count.came - 1);
        if (fault !== undefined) return fail(fault, response);
        setTimeout(() => {
          if (response.destroyed) return; // whoever asked is gone
          send(response, 200, completion(request, options.answer(request)));
          count.answered++;
        }, options.delay ?? 0);
      });
  });
  server.on('clientError', (_, socket) => socket.destroy());
  await new Promise<void>((resolve) => server.listen(options.port ?? 0, '127.0.0.1', resolve));
  // A test that fails before it closes the server must not keep its process alive.
  server.unref();
  const { port } = server.address() as AddressInfo;
  return {
    url: `http://127.0.0.1:${port}/v1`,
    port,
    counts,
    log,
    get mostAtOnce() {
      return most;
    },
    answered: () => [...counts.values()].reduce((sum, { answered }) => sum + answered, 0),
    close: () =>
      new Promise((resolve) => {
        server.close(() => resolve());
        server.closeAllConnections();
      }),
  };
}

function completion(request: ChatRequest, answer: string | Record<string, unknown>): Record<string, unknown> {
  const choice =
    typeof answer === 'string' ? { message: { role: 'assistant', content: answer }, finish_reason: 'stop' } : answer;
  return {
    id: 'x',
    object: 'chat.completion',
    model: request.model,
    choices: [{ index: 0, ...choice }],
    usage: { prompt_tokens: 10, completion_tokens: 2, total_tokens: 12 },
  };
}

function send(response: ServerResponse, status: number, body: unknown, headers: Record<string, string> = {}): void {
  response
    .writeHead(status, { 'content-type': 'application/json', ...headers })
    .end(typeof body === 'string' ? body : JSON.stringify(body));
}

function fail(fault: Fault, response: ServerResponse): void {
  const whole = JSON.stringify({ choices: [{ message: { content: '[[A]]' }, finish_reason: 'stop' }] });
  switch (fault) {
    case '429':
      return send(response, 429, { error: { message: 'slow down', code: 'rate_limit_exceeded' } });
    case '429 wait':
      return send(response, 429, { error: { message: 'slow down' } }, { 'retry-after-ms': '60' });
    case '500':
      return send(response, 500, '<html>internal error</html>');
    case 'silence':
      return; // until the other side gives up
    case 'cut JSON':
      return send(response, 200, whole.slice(0, whole.length >> 1));
    case 'no choices':
      return send(response, 200, { choices: [] });
    case 'no JSON':
      return send(response, 200, 'upstream says hello');
    case 'reset':
      return void response.socket?.resetAndDestroy();
    case 'reset in body':
      response.writeHead(200, { 'content-type': 'application/json', 'content-length': String(whole.length) });
      response.write(whole.slice(0, 20), () => response.socket?.destroy());
  }
}
