// A local HTTP server for download tests: it serves byte ranges and has faults on demand.

import { createServer, type IncomingMessage, type Server, type ServerResponse } from 'node:http';
import type { AddressInfo } from 'node:net';

export interface Request {
  method: string;
  url: string;
  headers: IncomingMessage['headers'];
  body: string;
}

export type Handler = (request: Request, response: ServerResponse) => void | Promise<void>;

export class FileServer {
  /** Every request so far. */
  readonly requests: Request[] = [];
  private constructor(private readonly server: Server) {}

  /** @param address of the loopback interface: another one is another host, on machines without a name for one too. */
  static async start(handler: Handler, address = '127.0.0.1'): Promise<FileServer> {
    const files: FileServer = new FileServer(
      createServer((message, response) => {
        let body = '';
        message.setEncoding('utf8');
        message.on('data', (chunk: string) => (body += chunk));
        message.on('end', () => {
          const request = { method: message.method ?? '', url: message.url ?? '', headers: message.headers, body };
          files.requests.push(request);
          Promise.resolve(handler(request, response)).catch((error: unknown) => response.destroy(error as Error));
        });
      }),
    );
    await new Promise<void>((resolve) => files.server.listen(0, address, resolve));
    // A test that fails before it closes the server must not keep its process alive.
    files.server.unref();
    return files;
  }

  get url(): string {
    const { address, port } = this.server.address() as AddressInfo;
    return `http://${address}:${port}`;
  }

  async stop(): Promise<void> {
    this.server.closeAllConnections();
    await new Promise((resolve) => this.server.close(resolve));
  }
}

export interface ServeOptions {
  /** Cuts the connection after so many bytes of the body. */
  cutAfter?: number | undefined;
  /** Sends so many bytes of the body and then nothing. */
  stallAfter?: number | undefined;
  ignoreRange?: boolean;
  headers?: Record<string, string>;
}

/** Answers a GET with the content, or with the range that was asked for. */
export function serveBytes(
  { headers }: Request,
  response: ServerResponse,
  content: Buffer,
  options: ServeOptions = {},
): void {
  const range = options.ignoreRange ? null : /^bytes=(\d+)-(\d*)$/.exec(headers['range'] ?? '');
  const start = range ? Number(range[1]) : 0;
  const end = range?.[2] ? Math.min(Number(range[2]) + 1, content.length) : content.length;
  const part = content.subarray(start, end);
  response.writeHead(range ? 206 : 200, {
    'Content-Length': part.length,
    'Content-Type': 'application/octet-stream',
    ...(range ? { 'Content-Range': `bytes ${start}-${end - 1}/${content.length}` } : {}),
    ...options.headers,
  });
  const { cutAfter, stallAfter } = options;
  if (stallAfter !== undefined) return void response.write(part.subarray(0, stallAfter));
  if (cutAfter === undefined || cutAfter >= part.length) return void response.end(part);
  response.write(part.subarray(0, cutAfter), () => setTimeout(() => response.destroy(), 20));
}
