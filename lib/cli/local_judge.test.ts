// Judges and generated texts by command, with a small random model in the engine itself.

import test from 'ava';
import { spawn } from 'node:child_process';
import { copyFileSync, existsSync, mkdtempSync, readdirSync, readFileSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';

const root = join(__dirname, '..', '..');
const work = mkdtempSync(join(tmpdir(), 'cheems-local-judge-'));
const inWork = (name: string) => join(work, name);

interface Ended {
  code: number | null;
  out: string;
  err: string;
}

function cli(
  args: string[],
  { stdin = '', onError }: { stdin?: string; onError?: (child: ReturnType<typeof spawn>) => void } = {},
): Promise<Ended> {
  const child = spawn(process.execPath, [join(__dirname, 'main.js'), ...args], { cwd: root });
  let [out, err] = ['', ''];
  child.stdout.on('data', (chunk) => (out += chunk));
  child.stderr.on('data', (chunk) => (err += chunk));
  child.stdin.on('error', () => {}).end(stdin);
  onError?.(child);
  return new Promise((resolve) => child.on('close', (code) => resolve({ code, out, err })));
}

const linesOf = (file: string) =>
  existsSync(file)
    ? readFileSync(file, 'utf8')
        .split('\n')
        .slice(0, -1)
        .map((line) => JSON.parse(line) as Record<string, unknown>)
    : [];
const QUESTIONS = 6;
const JUDGEMENTS = 2 * QUESTIONS;
const judged = [
  'eval',
  '--judge_model',
  inWork('model'),
  '--data_path',
  inWork('pairs.jsonl'),
  '--benchmark',
  'pairs',
  '--bootstrap',
  '0',
];
const sampled = [
  '--judge_temperature',
  '0.9',
  '--judge_top_k',
  '50',
  '--judge_top_p',
  '0.95',
  '--judge_seed',
  '3',
  '--judge_max_tokens',
  '12',
  '--judge_stop',
  'zzz',
  '的的',
];

test.before(async (t) => {
  const made = await cli([
    'init',
    '--hidden_size',
    '32',
    '--num_attention_heads',
    '2',
    '--num_key_value_heads',
    '1',
    '--num_hidden_layers',
    '2',
    '--tokenizer',
    'data/tokenizer',
    '--max_position_embeddings',
    '1024',
    '--initializer_range',
    '0.3',
    '--output_dir',
    inWork('model'),
  ]);
  t.is(made.code, 0, made.err);
  writeFileSync(
    inWork('pairs.jsonl'),
    Array.from(
      { length: QUESTIONS },
      (_, i) =>
        `${JSON.stringify({ id: `${i}`, prompt: `第${i}个问题`, chosen: '这是一个较好的回答。', rejected: '差' })}\n`,
    ).join(''),
  );
  writeFileSync(
    inWork('prompts.jsonl'),
    Array.from(
      { length: 9 },
      (_, i) => `${JSON.stringify({ id: `p${i}`, prompt: '从前有座山', sys_prompt: i % 2 ? '讲故事' : undefined })}\n`,
    ).join(''),
  );
});

/** The answers, without their times. */
const answersOf = (outputDir: string) =>
  linesOf(join(outputDir, 'judge_cache.jsonl'))
    .map(({ date: _, ...rest }) => rest)
    .sort((a, b) => (String(a['key']) < String(b['key']) ? -1 : 1));

/** A random model gives no verdict. The template's labels are set to texts that it does produce. */
function templateWith(name: string, verdict: Record<string, unknown>): string {
  writeFileSync(
    inWork(name),
    JSON.stringify({ user: '{prompt}\n{response_a}\n{response_b}', parser: 'letter', ...verdict }),
  );
  return inWork(name);
}

function verdicts(outputDir: string): unknown {
  const { overall, files } = JSON.parse(readFileSync(join(outputDir, 'results.json'), 'utf8')) as {
    overall: number;
    files: object;
  };
  return { overall, files, judgements: linesOf(join(outputDir, 'judgements.jsonl')) };
}

test.serial('the same judgements whatever is computed at once, and none is computed twice', async (t) => {
  const silent = await cli([
    ...judged,
    ...sampled,
    '--judge_template',
    templateWith('silent.json', {}),
    '--output_dir',
    inWork('silent'),
  ]);
  t.is(silent.code, 1);
  t.regex(silent.err, new RegExp(`gave no verdict in any of ${JUDGEMENTS} judgements .*The first: "`));
  t.deepEqual(readdirSync(inWork('silent')), ['judge_cache.jsonl'], 'no figures');
  const [a, b] = [...new Set(answersOf(inWork('silent')).map(({ text }) => String(text).trim()))].filter(
    (text) => text !== '' && text.length < 100,
  );
  t.truthy(a && b, 'the model says this and that');
  const judging = [
    ...judged,
    ...sampled,
    '--judge_template',
    templateWith('says.json', { parser: { name: 'letter', a, b, tie: null } }),
  ];
  const plain = await cli([...judging, '--output_dir', inWork('a')]);
  t.is(plain.code, 0, plain.err);
  t.regex(plain.err, /^Predictor: judge, as --judge_model .*model asks\.$/m);
  t.regex(plain.out, new RegExp(`judge: +${JUDGEMENTS} answers computed, 0 from the cache; \\d+ \\+ \\d+ tokens`));
  const answers = linesOf(inWork('a/judge_cache.jsonl'));
  t.is(answers.length, JUDGEMENTS);
  t.deepEqual(answersOf(inWork('a')), answersOf(inWork('silent')), 'the parser is no part of what is asked');
  const results = JSON.parse(readFileSync(inWork('a/results.json'), 'utf8')) as {
    meta: { model: Record<string, unknown> };
  };
  t.like(results.meta.model, {
    mode: 'text',
    order: 'both',
    family: 'qwen2',
    precision: 'float32',
    system_turns: 'turn',
    answers: { computed: JUDGEMENTS, from_cache: 0, too_long: 0 },
  });

  const narrow = await cli([
    ...judging,
    '--predictor',
    'judge',
    '--judge_max_new_tokens',
    '12',
    '--output_dir',
    inWork('b'),
    '--kv_cache_tokens',
    '700',
    '--micro_batch_tokens',
    '64',
    '--num_threads',
    '1',
  ]);
  t.is(narrow.code, 0, narrow.err);
  t.deepEqual(verdicts(inWork('b')), verdicts(inWork('a')));

  const again = await cli([...judging, '--output_dir', inWork('a')]);
  t.regex(again.out, new RegExp(`judge: +0 answers computed, ${JUDGEMENTS} from the cache`));
  t.is(linesOf(inWork('a/judge_cache.jsonl')).length, JUDGEMENTS);
  const other = await cli([...judging, '--judge_seed', '4', '--output_dir', inWork('a')]);
  t.regex(other.out + other.err, new RegExp(`judge: +${JUDGEMENTS} answers computed`));
});

test.serial('killed in the middle: what had ended is kept, and the rest gives the same answers', async (t) => {
  const long = [...sampled.slice(0, 8), '--judge_max_tokens', '100', '--kv_cache_tokens', '700'];
  const whole = await cli([...judged, ...long, '--output_dir', inWork('whole')]);
  t.is(whole.code, 1, whole.err);
  const cache = inWork('killed/judge_cache.jsonl');
  await cli([...judged, ...long, '--output_dir', inWork('killed')], {
    onError: (child) => {
      const timer = setInterval(() => {
        if (child.exitCode !== null || linesOf(cache).length >= 2) {
          clearInterval(timer);
          child.kill('SIGKILL');
        }
      }, 2);
    },
  });
  const kept = linesOf(cache).length;
  t.true(kept >= 2, String(kept));
  const rest = await cli([...judged, ...long, '--output_dir', inWork('killed')]);
  t.is(rest.code, 1, 'no verdict');
  t.regex(rest.err, new RegExp(`judge: +${JUDGEMENTS - kept} answers computed, ${kept} from the cache`));
  t.is(answersOf(inWork('whole')).length, JUDGEMENTS);
  t.deepEqual(answersOf(inWork('killed')), answersOf(inWork('whole')));
});

test.serial('letter logits by one pass', async (t) => {
  const probe = await cli([
    ...judged,
    '--judge_mode',
    'logits',
    '--judge_template',
    templateWith('probe.json', {}),
    '--output_dir',
    inWork('probe'),
  ]);
  t.is(probe.code, 1);
  t.regex(probe.err, /Its first token is none of the letters/);
  const [{ firstTokens: likely }] = linesOf(inWork('probe/judge_cache.jsonl')) as [
    { firstTokens: { token: string }[] },
  ];
  const [a, b] = likely.map(({ token }) => token.trim()).filter((token) => /^\p{L}+$/u.test(token));
  const byLetters = [
    ...judged,
    '--judge_mode',
    'logits',
    '--judge_template',
    templateWith('letters.json', { letters: { a, b } }),
  ];
  const { code, out, err } = await cli([...byLetters, '--output_dir', inWork('logits')]);
  t.is(code, 0, err);
  t.regex(out, new RegExp(`judge: +${JUDGEMENTS} answers computed`));
  for (const { firstTokens } of linesOf(inWork('logits/judge_cache.jsonl')) as {
    firstTokens: { logprob: number }[];
  }[]) {
    t.is(firstTokens.length, 20);
    t.true(firstTokens.reduce((sum, { logprob }) => sum + Math.exp(logprob), 0) <= 1 + 1e-5);
  }
  const narrow = await cli([...byLetters, '--output_dir', inWork('logits2'), '--micro_batch_tokens', '50']);
  t.is(narrow.code, 0, narrow.err);
  t.deepEqual(verdicts(inWork('logits2')), verdicts(inWork('logits')));
});

test.serial('what cannot be judged is told', async (t) => {
  const tooMany = await cli([...judged, '--judge_max_tokens', '1024']);
  t.is(tooMany.code, 2);
  t.regex(tooMany.err, /--judge_max_tokens 1024 leaves no room for a conversation: .* is made for 1024 tokens/);
  const tooLong = await cli([...judged, '--judge_max_tokens', '900']);
  t.is(tooLong.code, 1);
  t.regex(
    tooLong.err,
    new RegExp(
      `${JUDGEMENTS} conversations were not put to the judge: .* longer than the 1024 that the model is made for`,
    ),
  );
  t.regex(
    tooLong.err,
    /gave no verdict in any of 12 judgements \(too long for the judge: 12\)\. Lower --judge_max_tokens, now 900/,
  );
  const usual = await cli([...judged, '--kv_cache_tokens', '7000']);
  t.regex(
    usual.err,
    /^Answers have at most 512 tokens, half of the 1024 that .*model is made for; set another number with --judge_max_tokens\.$/m,
  );
  t.regex(usual.err, new RegExp(`judge: +${JUDGEMENTS} answers computed`));
  const variable = await cli([
    ...judged,
    '--judge_max_tokens',
    '9',
    '--judge_template_options',
    '{"enable_thinking": false}',
  ]);
  t.is(variable.code, 1);
  t.regex(variable.err, /error: The chat template in .* reads no variable "enable_thinking"/);
});

test.serial('generate: a file, a pipe, continued after a stop, texts as they stand', async (t) => {
  const options = [
    'generate',
    '--model_path',
    inWork('model'),
    '--max_tokens',
    '30',
    '--temperature',
    '0.8',
    '--seed',
    '5',
  ];
  const whole = await cli([...options, '--input', inWork('prompts.jsonl'), '--output', inWork('texts.jsonl')]);
  t.is(whole.code, 0, whole.err);
  const rows = linesOf(inWork('texts.jsonl'));
  t.deepEqual(
    rows.map(({ id }) => id),
    Array.from({ length: 9 }, (_, i) => `p${i}`),
  );
  t.true(new Set(rows.map(({ text }) => text)).size > 4, 'one prompt, several draws');
  const content = readFileSync(inWork('texts.jsonl'), 'utf8');
  for (const length of [0, 1, content.indexOf('\n') + 1, content.length >> 1, content.length]) {
    writeFileSync(inWork('cut.jsonl'), Buffer.from(content).subarray(0, length));
    copyFileSync(inWork('texts.jsonl.run'), inWork('cut.jsonl.run'));
    const rest = await cli([
      ...options,
      '--input',
      inWork('prompts.jsonl'),
      '--output',
      inWork('cut.jsonl'),
      '--kv_cache_tokens',
      '200',
    ]);
    t.is(rest.code, 0, rest.err);
    t.is(readFileSync(inWork('cut.jsonl'), 'utf8'), content);
  }
  const piped = await cli([...options, '--input', '-', '--output', '-'], {
    stdin: readFileSync(inWork('prompts.jsonl'), 'utf8'),
  });
  t.is(piped.out, content);
  const raw = await cli(
    ['generate', '--model_name', inWork('model'), '--max_new_tokens', '3', '--raw', '--input', '-', '--output', '-'],
    { stdin: '{"prompt": "从前"}\n' },
  );
  t.like(JSON.parse(raw.out), { id: 1, prompt_tokens: 2, tokens: 3 });
  const one = await cli([...options, '--input', inWork('prompts.jsonl'), '--output', inWork('prompts.jsonl')]);
  t.is(one.code, 2);
  const scores = await cli([...options, '--input', inWork('prompts.jsonl'), '--output', inWork('pairs.jsonl')]);
  t.regex(scores.err, /pairs\.jsonl:1: this is not a row of answers but/);
});
