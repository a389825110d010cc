// `eval --predictor judge` as a process, against an endpoint that fails and counts.

import { spawn, type ChildProcess } from 'node:child_process';
import { existsSync, mkdtempSync, readdirSync, readFileSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import test from 'ava';
import { requestKey } from '../judging/http/request_key';
import { resolveValues } from './command';
import { evalOptions } from './eval';
import { checkJudgeOptions, openJudge } from './judge';
import { startJudgeServer, type ChatRequest, type Fault, type JudgeServer } from '../testing/judge_server';

const root = join(__dirname, '..', '..');
const folder = () => mkdtempSync(join(tmpdir(), 'judge-cli-'));
const CONCURRENCY = 6;

interface Run {
  child: ChildProcess;
  ended: Promise<{ code: number | null; out: string; err: string }>;
}

function start(args: string[], env: Record<string, string> = {}): Run {
  const child = spawn(process.execPath, [join(__dirname, 'main.js'), 'eval', '--predictor', 'judge', ...args], {
    env: { ...process.env, OPENAI_API_KEY: '', ...env },
    cwd: root,
  });
  let [out, err] = ['', ''];
  child.stdout.on('data', (chunk) => (out += chunk));
  child.stderr.on('data', (chunk) => (err += chunk));
  return { child, ended: new Promise((resolve) => child.on('close', (code) => resolve({ code, out, err }))) };
}

const work = folder();
const data = join(work, 'data.jsonl');
const template = join(work, 'bare.yaml');
const PROMPTS = 40;
writeFileSync(template, 'user: "{prompt}\\n#\\n{response_a}\\n#\\n{response_b}"\nparser: brackets\n');
writeFileSync(
  data,
  Array.from(
    { length: PROMPTS },
    (_, i) =>
      `${JSON.stringify({
        id: `p${i}`,
        input: `问题${i}`,
        responses: [0, 1, 2].map((r) => ({ id: `r${r}`, content: `${'答'.repeat(1 + ((i + 2 * r) % 5))}${r}` })),
        rank: { r0: '1', r1: '2', r2: '3' },
        category: [i % 2 ? '写作' : '代码'],
      })}\n`,
  ).join(''),
);
/** Three pairs per prompt, in both orders. */
const REQUESTS = PROMPTS * 3 * 2;

/** Prefers the longer response; if both are equally long, the one shown first. */
function verdict({ messages }: ChatRequest): string {
  const [, a, b] = messages.at(-1)!.content.split('\n#\n') as [string, string, string];
  return `想一想……\n[[${a.length >= b.length ? 'A' : 'B'}]]`;
}

const FAULTS: Fault[] = ['429', '429 wait', '500', 'silence', 'cut JSON', 'reset', 'reset in body', 'no choices'];
/** One request in five fails at first, in each way. */
function faults(): (request: ChatRequest, attempt: number) => Fault | undefined {
  const known = new Map<string, number>();
  return ({ messages }, attempt) => {
    const text = messages.at(-1)!.content;
    if (!known.has(text)) known.set(text, known.size);
    const number = known.get(text)!;
    return attempt === 0 && number % 5 === 2 ? FAULTS[Math.floor(number / 5) % FAULTS.length] : undefined;
  };
}

const keyOf = (server: JudgeServer, request: ChatRequest) => requestKey(`${server.url}/chat/completions`, request);
const cachedKeys = (file: string) =>
  (existsSync(file) ? readFileSync(file, 'utf8') : '')
    .split('\n')
    .slice(0, -1)
    .map((line) => (JSON.parse(line) as { key: string }).key);

function figures(outputDir: string): unknown {
  const { overall, files } = JSON.parse(readFileSync(join(outputDir, 'results.json'), 'utf8')) as {
    overall: number;
    files: object;
  };
  return { overall, files, judgements: readFileSync(join(outputDir, 'judgements.jsonl'), 'utf8') };
}

const common = (server: JudgeServer, outputDir: string) => [
  '--judge-endpoint',
  server.url,
  '--judge_model',
  'stand-in',
  '--judge_template',
  template,
  '--data_path',
  data,
  '--output_dir',
  outputDir,
  '--judge-concurrency',
  String(CONCURRENCY),
  '--judge_timeout',
  '2',
  '--bootstrap',
  '20',
];

test.serial(
  'killed twice in the middle, among faults of every kind: nothing lost, nothing asked twice, the same figures',
  async (t) => {
    const calm = await startJudgeServer({ answer: verdict });
    const undisturbed = folder();
    const { code, err } = await start(common(calm, undisturbed)).ended;
    t.is(code, 0, err);
    t.is(calm.answered(), REQUESTS);
    t.is(calm.log.length, REQUESTS);
    await calm.close();

    const server = await startJudgeServer({ answer: verdict, fault: faults(), delay: 15 });
    const outputDir = folder();
    const cache = join(outputDir, 'judge_cache.jsonl');
    const asked = new Set<string>(); // answers that were on disk when a run was killed
    for (const [run, killAt] of [REQUESTS / 4, REQUESTS / 2].entries()) {
      const { child, ended } = start(common(server, outputDir));
      while (server.answered() < killAt && child.exitCode === null)
        await new Promise((resolve) => setTimeout(resolve, 5));
      child.kill('SIGKILL');
      t.is((await ended).code, null, 'killed, not finished');
      await new Promise((resolve) => setTimeout(resolve, 100)); // lets requests of the killed process end
      const kept = cachedKeys(cache);
      t.is(new Set(kept).size, kept.length, 'no answer is stored twice');
      t.true(
        server.answered() - kept.length <= (run + 1) * CONCURRENCY,
        `${server.answered()} answers, ${kept.length} kept: only those under way were lost`,
      );
      t.true(kept.length > 0);
      const before = server.log.length;
      for (const key of kept) asked.add(key);
      // Requested before the kill and on disk: must not be requested again.
      const again = start(common(server, outputDir));
      while (server.log.length < before + 10 && again.child.exitCode === null)
        await new Promise((resolve) => setTimeout(resolve, 5));
      again.child.kill('SIGKILL');
      await again.ended;
      const late = server.log
        .slice(before)
        .map(({ request }) => keyOf(server, request))
        .filter((key) => asked.has(key));
      t.deepEqual(late, [], 'what is on disk is not asked for');
      for (const key of cachedKeys(cache)) asked.add(key);
    }

    const before = server.log.length;
    const last = await start(common(server, outputDir)).ended;
    t.is(last.code, 0, last.err);
    t.deepEqual(
      server.log
        .slice(before)
        .map(({ request }) => keyOf(server, request))
        .filter((key) => asked.has(key)),
      [],
    );
    const kept = cachedKeys(cache);
    t.is(kept.length, REQUESTS);
    t.is(new Set(kept).size, REQUESTS);
    t.is(server.counts.size, REQUESTS, 'every request came');
    t.true(server.log.length - server.counts.size >= REQUESTS / 5 - 4, 'the faults came about');
    t.deepEqual(figures(outputDir), figures(undisturbed));
    t.regex(last.out, /asked: +\d+ requests answered, \d+ from the cache/);

    const answered = server.answered();
    const more = await start(common(server, outputDir)).ended;
    t.is(more.code, 0, more.err);
    t.is(server.answered(), answered, 'a finished evaluation asks nothing');
    t.regex(more.out, new RegExp(`asked: +0 requests answered, ${REQUESTS} from the cache`));
    t.deepEqual(
      readdirSync(outputDir).sort(),
      [
        'judge_cache.jsonl',
        'judgements.jsonl',
        'prompts.jsonl',
        'report.csv',
        'report.html',
        'report.md',
        'results.json',
        'scores.jsonl',
      ],
      'no lock or temporary file stays',
    );
    await server.close();
  },
);

test.serial('within one run every answer is asked for once, whatever fails', async (t) => {
  const server = await startJudgeServer({ answer: verdict, fault: faults() });
  const { code, err, out } = await start([
    ...common(server, folder()),
    '--judge_price_input',
    '1000',
    '--judge_price_output',
    '0',
  ]).ended;
  t.is(code, 0, err);
  t.true([...server.counts.values()].every(({ answered }) => answered === 1));
  t.is(server.mostAtOnce <= CONCURRENCY + 1, true);
  t.regex(
    out,
    new RegExp(
      `${REQUESTS} requests answered, 0 from the cache, failed attempts .*429: \\d+.*; ${REQUESTS * 10} \\+ ` +
        `${REQUESTS * 2} tokens; cost ${(REQUESTS * 10 * 1000) / 1e6}`,
    ),
  );
  await server.close();
});

test.serial('Ctrl-C: what is under way is kept, exit code 130, and the same command goes on', async (t) => {
  const server = await startJudgeServer({ answer: verdict, delay: 200 });
  const outputDir = folder();
  const { child, ended } = start(common(server, outputDir));
  while (server.answered() < 12) await new Promise((resolve) => setTimeout(resolve, 5));
  child.kill('SIGINT');
  const { code, err } = await ended;
  t.is(code, 130);
  t.regex(err, /Stopping once the pending answers have arrived/);
  t.is(cachedKeys(join(outputDir, 'judge_cache.jsonl')).length, server.answered(), 'every answer that came is kept');
  t.is(server.log.length, server.answered(), 'none was cut off');
  await server.close();
});

test.serial("the original's figures by command, and no key in anything that is written", async (t) => {
  const key = 'sk-test-secret-7f3a';
  const server = await startJudgeServer({ answer: () => 'A' });
  const outputDir = folder();
  const bare = join(outputDir, 'letter.json');
  writeFileSync(bare, JSON.stringify({ user: '{prompt}{response_a}{response_b}', parser: 'letter' }));
  const files = ['human2.jsonl', 'open2.jsonl'].map((name) => join(root, 'fixtures/reference/cheems/generative', name));
  const config = join(outputDir, 'judge.yaml');
  writeFileSync(
    config,
    'judge-model: m\njudge_key_env: CHEEMS_TEST_KEY\njudge_extra: {max_tokens: null, max_completion_tokens: ' +
      `9}\njudge_template: ${bare}\n`,
  );
  const { code, out, err } = await start(
    [
      '--config',
      config,
      '--judge_endpoint',
      server.url,
      '--data_path',
      ...files,
      '--compat',
      'cheems',
      '--output_dir',
      join(outputDir, 'out'),
      '--bootstrap',
      '0',
    ],
    { CHEEMS_TEST_KEY: key },
  ).ended;
  t.is(code, 0, err);
  const { overall, meta } = JSON.parse(readFileSync(join(outputDir, 'out/results.json'), 'utf8')) as {
    overall: number;
    meta: { model: { order: string } };
  };
  t.true(Math.abs(overall - 0.2125534188034188) < 1e-12);
  t.is(meta.model.order, 'cheems');
  t.is(server.log.length, 50);
  t.like(server.log[0], { authorization: `Bearer ${key}` });
  t.is(server.log[0]!.request['max_tokens'], undefined);
  t.is(server.log[0]!.request['max_completion_tokens'], 9);
  const written = readdirSync(join(outputDir, 'out')).map((name) => readFileSync(join(outputDir, 'out', name), 'utf8'));
  for (const text of [out, err, ...written]) t.false(text.includes(key));
  await server.close();

  const closed = await startJudgeServer({
    answer: () => 'A',
    reply: () => ({ status: 401, body: { error: { message: `bad key ${key}` } } }),
  });
  const refused = await start(['--config', config, '--judge_endpoint', closed.url, '--data_path', ...files], {
    CHEEMS_TEST_KEY: key,
    CHEEMS_DEBUG: '1',
  }).ended;
  t.is(refused.code, 1);
  t.regex(refused.err, /error: http.* refuses the key \(401\) from the environment variable CHEEMS_TEST_KEY/);
  t.false(refused.err.includes(key));
  await closed.close();
});

test.serial('letter logits by command', async (t) => {
  const server = await startJudgeServer({
    answer: (request) => ({
      message: { content: 'A' },
      finish_reason: 'length',
      logprobs: {
        content: [
          {
            token: 'A',
            logprob: -0.1,
            top_logprobs: [
              { token: 'A', logprob: Math.log(verdict(request).includes('[[A]]') ? 0.9 : 0.2) },
              { token: 'B', logprob: Math.log(0.1) },
            ],
          },
        ],
      },
    }),
  });
  const { code, err, out } = await start([...common(server, folder()), '--judge_mode', 'logits']).ended;
  t.is(code, 0, err);
  t.like(server.log[0]!.request, { max_tokens: 1, logprobs: true, top_logprobs: 20 });
  t.regex(out, /position bias/);
  await server.close();
});

test('what does not fit together is told before anything is asked', async (t) => {
  const service = { judge_endpoint: 'http://h/v1', judge_model: 'm' };
  for (const [given, message] of [
    [
      {},
      /--predictor judge needs --judge_model: the judge's name at the endpoint, or the model to run on this machine/,
    ],
    [
      { judge_model: 'm', judge_extra: '{"x": 1}' },
      /--judge_extra needs --judge_endpoint; without it the judge runs on this machine/,
    ],
    [{ judge_model: 'm', judge_concurrency: '3' }, /--judge_concurrency needs --judge_endpoint/],
    [
      { ...service, judge_top_k: '5' },
      /--judge_top_k is for a judge on this machine, not for --judge_endpoint\. Endpoints that support it/,
    ],
    [
      { ...service, judge_template_options: '{"enable_thinking": false}' },
      /--judge_template_options is for a judge on this machine/,
    ],
    [{ ...service, device: 'cpu' }, /--device is for a judge on this machine/],
    [{ ...service, chat_template: 'x.jinja' }, /--chat_template is for a judge on this machine/],
    [{ ...service, max_length: '5' }, /--max_length is for reward models/],
    [{ judge_model: 'm', truncation: true }, /--truncation is for reward models/],
    [{ predictor: 'length', judge_top_k: '5' }, /--judge_top_k needs --predictor judge/],
    [{ predictor: 'length', judge_mode: 'logits' }, /--judge_mode needs --predictor judge/],
    [{ predictor: 'length', judge_seed: '5' }, /--judge_seed needs --predictor judge/],
    [{ predictor: 'length', judge_stop: ['x'] }, /--judge_stop needs --predictor judge/],
    [{ judge_model: 'm', judge_header: ['a: b'] }, /--judge_header needs --judge_endpoint/],
    [{ ...service, judge_header: ['api-key'] }, /--judge_header number 1 is no header/],
    [{ ...service, judge_endpoint: 'https://x.openai.azure.com/openai/deployments/d' }, /without its version/],
    [{ judge_endpoint: 'http://h/v1' }, /--predictor judge needs --judge_model/],
    [{ predictor: 'length', judge_model: 'm' }, /--judge_model needs --predictor judge/],
    [{ ...service, judge_endpoint: 'h' }, /"h"\) is no address/],
    [{ ...service, judge_endpoint: 'http://u:p@h/v1' }, /holds a name or password/],
    [{ ...service, judge_template: 'verdit' }, /"verdit" is neither a judge template/],
    [{ ...service, judge_key_env: 'NOT_SET_HERE' }, /environment variable NOT_SET_HERE \(--judge_key_env\) is not set/],
    [{ ...service, judge_extra: '[1]' }, /--judge_extra \("\[1\]"\): expected a JSON object/],
    [{ ...service, judge_mode: 'guess' }, /expected one of text, logits/],
    [{ ...service, judge_concurrency: '0' }, /must be at least 1/],
  ] as const) {
    const attempt = async (): Promise<void> => {
      const values = resolveValues(
        { name: 'eval', options: evalOptions },
        { _: ['eval'], data_path: [data], predictor: 'judge', ...given },
      );
      checkJudgeOptions(values);
      await openJudge(values);
    };
    await t.throwsAsync(attempt(), { name: 'UsageError', message });
  }
});
