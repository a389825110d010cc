// `eval` with a judge at an endpoint that gives nothing to measure, repeats secrets, or writes that fail: exit codes
// and files.

import { spawn } from 'node:child_process';
import { existsSync, mkdtempSync, readdirSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import test from 'ava';
import { startJudgeServer, type JudgeServer, type JudgeServerOptions } from '../testing/judge_server';

const folder = () => mkdtempSync(join(tmpdir(), 'judge-faults-'));
const data = join(folder(), 'pairs.jsonl');
writeFileSync(
  data,
  Array.from(
    { length: 20 },
    (_, i) => `${JSON.stringify({ prompt: `问题${i}`, chosen: '好的长答案', rejected: '坏' })}\n`,
  ).join(''),
);

function run(
  server: JudgeServer,
  outputDir: string,
  args: string[],
  before = 'true',
  env: Record<string, string> = {},
) {
  const all = [
    'eval',
    '--judge_endpoint',
    server.url,
    '--judge_model',
    'm',
    '--benchmark',
    'pairs',
    '--data_path',
    data,
    '--output_dir',
    outputDir,
    '--bootstrap',
    '0',
    ...args,
  ];
  // The shell sets limits that Node cannot set for itself.
  const child = spawn(
    'bash',
    ['-c', `${before}; exec "$0" "$@"`, process.execPath, join(__dirname, 'main.js'), ...all],
    {
      env: { ...process.env, OPENAI_API_KEY: '', CHEEMS_DEBUG: '1', ...env },
    },
  );
  let [out, err] = ['', ''];
  child.stdout.on('data', (chunk) => (out += chunk));
  child.stderr.on('data', (chunk) => (err += chunk));
  return {
    child,
    ended: new Promise<{ code: number | null; out: string; err: string }>((resolve) =>
      child.on('close', (code) => resolve({ code, out, err })),
    ),
  };
}

async function withServer(options: JudgeServerOptions, work: (server: JudgeServer) => Promise<void>): Promise<void> {
  const server = await startJudgeServer(options);
  try {
    await work(server);
  } finally {
    await server.close();
  }
}

test('a run without a verdict exits 1, says why, and leaves no figures', (t) =>
  withServer(
    {
      answer: () => '',
      reply: () => ({
        status: 400,
        body: { error: { message: 'Content Exists Risk', code: 'invalid_request_error' } },
      }),
    },
    async (server) => {
      const outputDir = folder();
      const { code, out, err } = await run(server, outputDir, []).ended;
      t.is(code, 1);
      t.is(out, '');
      t.regex(
        err,
        /error: The judge m gave no verdict in any of 40 judgements \(refused by a content filter: 40\)\. The first: "Content Exists Risk"\./,
      );
      t.deepEqual(readdirSync(outputDir), ['judge_cache.jsonl']);
    },
  ));

test('neither key nor header gets into files or onto the terminal, whatever the endpoint says', (t) => {
  const [key, header] = ['zk-live-0123456789abcdef', 'azure-9876543210fedcba'];
  const answer: JudgeServerOptions['answer'] = () => ({
    message: { content: `[[A]] ${key} ${header}`, reasoning_content: header },
    finish_reason: 'stop',
  });
  return withServer({ answer }, async (server) => {
    const outputDir = folder();
    const { code, out, err } = await run(
      server,
      outputDir,
      ['--judge_header', `api-key: ${header}`, 'X-Team: red'],
      'true',
      { OPENAI_API_KEY: key },
    ).ended;
    t.is(code, 0, err);
    t.like(server.log[0]!.headers, { 'api-key': header, 'x-team': 'red', authorization: `Bearer ${key}` });
    const files = readdirSync(outputDir);
    t.true(files.includes('judgements.jsonl') && files.includes('judge_cache.jsonl') && files.includes('report.html'));
    for (const text of [out, err, ...files.map((name) => readFileSync(join(outputDir, name), 'utf8'))]) {
      t.false(text.includes(key));
      t.false(text.includes(header));
    }
    const { meta } = JSON.parse(readFileSync(join(outputDir, 'results.json'), 'utf8')) as {
      meta: { options: object; model: object };
    };
    t.like(meta.options, { judge_header: ['api-key', 'x-team'] });
    t.like(meta.model, { headers: ['api-key', 'x-team'] });
  });
});

test('a disk that takes no more ends the run at once; what was written is taken up', (t) =>
  withServer({ answer: () => `${'想'.repeat(400)} [[A]]` }, async (server) => {
    const outputDir = folder();
    const began = performance.now();
    // Files of at most 16 KiB: writing past that fails like a full disk.
    const { code, err } = await run(server, outputDir, ['--judge_concurrency', '2'], "trap '' XFSZ; ulimit -f 16")
      .ended;
    t.is(code, 1);
    t.regex(
      err,
      /error: The answers could not be written to .*judge_cache\.jsonl \(.*EFBIG.*\)\. Those that were written before are kept\./,
    );
    t.true(performance.now() - began < 30_000, 'not tried again');
    const before = server.log.length;
    const kept = readFileSync(join(outputDir, 'judge_cache.jsonl'), 'utf8').trimEnd().split('\n').length;
    t.true(kept > 2 && before - kept <= 2, `${before} asked, ${kept} kept`);
    const again = await run(server, outputDir, []).ended;
    t.is(again.code, 0, again.err);
    t.is(server.log.length - before, 40 - kept);
  }));

test('an output folder that is removed meanwhile ends the run at once', (t) =>
  withServer({ answer: () => '[[A]]', delay: 100 }, async (server) => {
    const outputDir = folder();
    const { ended } = run(server, outputDir, ['--judge_concurrency', '2']);
    while (server.answered() < 6) await new Promise((resolve) => setTimeout(resolve, 5));
    rmSync(outputDir, { recursive: true });
    const { code, err } = await ended;
    t.is(code, 1);
    t.regex(
      err,
      /error: The answers could not be written to .*judge_cache\.jsonl \(it was removed, moved or replaced by something else\)/,
    );
    t.true(server.log.length < 20, 'no more was paid for');
    t.false(existsSync(outputDir));
  }));

test('a judge without probabilities costs one request', (t) =>
  withServer({ answer: () => 'A' }, async (server) => {
    const { code, err } = await run(server, folder(), ['--judge_mode', 'logits']).ended;
    t.is(code, 1);
    t.regex(
      err,
      /gives no probabilities of tokens \("logprobs"\), which --judge_mode logits reads; use --judge_mode text\./,
    );
    t.is(server.log.length, 1);
  }));
