import test from 'ava';
import { existsSync, mkdtempSync, readFileSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { datasetFromRows } from '../../data/dataset';
import type { Message } from '../../data/types';
import { LanguageModel } from '../../generation/language_model';
import type { LanguageModelOptions } from '../../generation/options';
import { fakeCausalEngine, type FakeCausalOptions } from '../../testing/fake_causal_engine';
import { IM_END, makeLanguageModelFolder } from '../../testing/language_model_folder';
import { PromptBuilder } from '../../generation/prompts';
import { evaluate } from '../../evaluation/evaluate';
import { judgePredictor } from '../../evaluation/predictors/judge';
import { findJudgeTemplate } from '../templates/registry';
import type { Completion } from '../completer';
import { openLocalJudge } from './local_completer';

const folder = makeLanguageModelFolder();
const { tokenizer } = new PromptBuilder(folder);
const encode = (text: string) => [...tokenizer.encode(text)];
const cacheFile = () => join(mkdtempSync(join(tmpdir(), 'local-judge-')), 'new', 'cache.jsonl');

async function open({
  cache,
  model = {},
  fake = {},
  from = folder,
}: { cache?: string; model?: LanguageModelOptions; fake?: FakeCausalOptions; from?: string } = {}) {
  const engine = fakeCausalEngine(fake);
  return {
    engine,
    judge: await openLocalJudge(await LanguageModel.load(from, model, engine), { name: 'judge', cacheFile: cache }),
  };
}

/** Both orders of pairs of a prompt, prompt by prompt. */
const conversations: Message[][] = Array.from({ length: 20 }, (_, i) => {
  const [a, b] = i % 2 ? ['回答乙', '回答甲'] : ['回答甲', '回答乙'];
  return [{ role: 'user', content: `题目${'长'.repeat(Math.floor(i / 4))}\n${a}${Math.floor(i / 2)}\n${b}` }];
});
const sampled = { temperature: 0.8, topK: 6, maxTokens: 20, seed: 5 };
const bare = (completions: Completion[]) => completions.map(({ cached: _, ...rest }) => rest);

test('answers do not depend on waves, order or neighbors, sampled ones either', async (t) => {
  const { judge } = await open();
  const expected = await judge.complete(conversations, sampled);
  for (const model of [{ batchPrompts: 1 }, { batchPrompts: 3 }, { kvCacheTokens: 100 }])
    t.deepEqual(bare(await (await open({ model })).judge.complete(conversations, sampled)), expected);
  t.deepEqual((await (await open()).judge.complete([...conversations].reverse(), sampled)).reverse(), expected);
  t.notDeepEqual(await (await open()).judge.complete(conversations, { ...sampled, seed: 6 }), expected);
});

test('both orders of a pair share their beginning', async (t) => {
  const { judge, engine } = await open();
  await judge.complete(conversations, sampled);
  const groups = engine.started.flatMap((started) => started.groups);
  t.true(new Set(groups).size <= 10, String(groups));
});

test('equal conversations are answered once', async (t) => {
  const { judge, engine } = await open();
  const seen: [number, boolean][] = [];
  const [first, ...twins] = await judge
    .complete([conversations[0]!, conversations[1]!, conversations[0]!, conversations[0]!], sampled, {
      onCompletion: (i, { cached }) => seen.push([i, cached ?? false]),
    })
    .then((all) => [all[0]!, all[2]!, all[3]!]);
  for (const twin of twins) t.deepEqual(twin, { ...first, cached: true });
  t.is(engine.started[0]!.prompts.length, 2);
  t.deepEqual([...seen].sort(), [
    [0, false],
    [1, false],
    [2, true],
    [3, true],
  ]);
  await judge.complete([conversations[1]!], sampled);
  t.is(engine.started.length, 1);
  t.like(judge.describe(), { answers: { computed: 2, from_cache: 3, too_long: 0 }, cache: null });
});

test('stopped on the way: what had ended is on disk, and the next run computes the rest alone', async (t) => {
  const file = cacheFile();
  const undisturbed = await (await open()).judge.complete(conversations, sampled);
  const stop = new AbortController();
  let stretches = 0;
  const first = await open({
    cache: file,
    model: { batchPrompts: 4 },
    fake: { beforeAdvance: () => void (++stretches === 3 && stop.abort(new Error('Ctrl-C'))) },
  });
  await t.throwsAsync(first.judge.complete(conversations, sampled, { signal: stop.signal }), { message: 'Ctrl-C' });
  await first.judge.dispose();
  const kept = readFileSync(file, 'utf8').trimEnd().split('\n').length;
  t.true(kept >= 4 && kept < conversations.length, String(kept));
  const second = await open({ cache: file });
  const completions = await second.judge.complete(conversations, sampled);
  t.deepEqual(bare(completions), undisturbed);
  t.is(second.engine.started.flatMap(({ prompts }) => prompts).length, conversations.length - kept);
  await second.judge.dispose();
  t.false(existsSync(`${file}.lock`));

  const unlike = async (options: Partial<typeof sampled>, from = folder) => {
    const { judge, engine } = await open({ cache: file, from });
    await judge.complete(conversations.slice(0, 1), { ...sampled, ...options });
    await judge.dispose();
    return engine.started.length;
  };
  t.is(await unlike({}), 0);
  t.is(await unlike({ seed: 9 }), 1, 'another seed');
  t.is(await unlike({ maxTokens: 9 }), 1, 'another limit');
  t.is(await unlike({ temperature: 0 }), 1);
  t.is(await unlike({ temperature: 0, seed: 77 }), 0, 'a seed is nothing to greedy answers');
  t.is(await unlike({}, makeLanguageModelFolder()), 0, 'the same model in another place');
  t.is(await unlike({}, makeLanguageModelFolder({ config: { rope_theta: 5 } })), 1, 'another model');
});

test('letter logits: one pass, the likeliest tokens as an endpoint names them, nothing generated', async (t) => {
  const file = cacheFile();
  const { judge, engine } = await open({ cache: file, fake: { script: () => encode(' A') } });
  const ask = { temperature: 0, maxTokens: 1, firstTokens: 20 };
  const completions = await judge.complete(conversations, ask);
  t.is(engine.started.length, 0);
  t.is(
    engine.probed.reduce((sum, { prompts }) => sum + prompts.length, 0),
    conversations.length,
  );
  for (const { firstTokens, finish, usage } of completions) {
    t.is(firstTokens!.length, 20);
    t.is(firstTokens![0]!.token, tokenizer.tokenText(encode(' A')[0]!));
    t.true(firstTokens!.every(({ logprob }, i) => i === 0 || logprob <= firstTokens![i - 1]!.logprob));
    t.deepEqual([finish, usage!.completionTokens], ['length', 1]);
  }
  await judge.dispose();
  const again = await open({ cache: file });
  t.deepEqual(bare(await again.judge.complete(conversations, ask)), completions);
  t.is(again.engine.probed.length, 0);
  await again.judge.dispose();
});

test('letter logits of a judge that thinks first: told, or refused where the template opens the thoughts', async (t) => {
  const ask = { temperature: 0, maxTokens: 1, firstTokens: 20 };
  const chatTemplate = "{% for m in messages %}{{ m['content'] }}{% endfor %}<|im_start|>assistant\n<think>\n";
  const opening = await open({ from: makeLanguageModelFolder({ chatTemplate }) });
  await t.throwsAsync(opening.judge.complete(conversations, ask), {
    name: 'JudgeError',
    message: /opens thoughts \(<think>\) .* Give `judgeMode: text`, or/,
  });
  // A tokenizer with a token for the tag, as Qwen3's.
  const from = makeLanguageModelFolder();
  const file = join(from, 'tokenizer.json');
  const json = JSON.parse(readFileSync(file, 'utf8')) as { added_tokens: Record<string, unknown>[] };
  json.added_tokens = json.added_tokens.map((token) =>
    token['content'] === '<|endoftext|>' ? { ...token, content: '<think>', special: false } : token,
  );
  writeFileSync(file, JSON.stringify(json));
  const thinking = await open({ from, fake: { script: () => [8189] } });
  await thinking.judge.complete(conversations, ask);
  t.regex((thinking.judge.describe()['notes'] as string[]).join(), /^20 answers would begin with thoughts/);
});

test('what is too long has no text, is told and not stored', async (t) => {
  const file = cacheFile();
  const { judge } = await open({ cache: file, fake: { positions: 64 } });
  const [short, long] = await judge.complete(
    [[{ role: 'user', content: '短' }], [{ role: 'user', content: '很长'.repeat(60) }]],
    { temperature: 0, maxTokens: 30 },
  );
  t.is(short!.finish, 'length');
  t.like(long, { finish: 'too_long', text: '' });
  t.deepEqual(judge.describe()['notes'], [judge.tooLong!]);
  t.regex(
    judge.tooLong!,
    /^1 conversations were not put to the judge: .* longer than the 64 .* lower `judgeMaxTokens`/,
  );
  t.is(readFileSync(file, 'utf8').trimEnd().split('\n').length, 1);
  await judge.dispose();
});

test("a conversation that the template refuses is told with the judge's name", async (t) => {
  const { judge } = await open({ from: makeLanguageModelFolder({ chatTemplate: "{{ raise_exception('no') }}" }) });
  await t.throwsAsync(judge.complete(conversations, sampled), {
    name: 'JudgeError',
    message: /^judge: the chat template in .* refuses the conversation/,
  });
});

const rows = ['一', '二', '三'].map((question, i) => ({
  id: String(i),
  prompt: `问题${question}`,
  chosen: '这是较好的回答',
  rejected: '差的回答',
}));

/**
 * A judge that sees which response is the better one, but thinks first, and on the third question prefers what it sees
 * first.
 */
const knowing = (ids: number[]): number[] => {
  const text = tokenizer.decode(ids);
  const [good, bad] = [text.indexOf('这是较好的回答'), text.indexOf('差的回答')];
  const first = text.includes('问题三') || good < bad;
  return [...encode(`<think>\n也许是[[${first ? 'B' : 'A'}]]？不。\n</think>\n\n[[${first ? 'A' : 'B'}]]`), IM_END];
};

test('the predictor over it: thoughts are never parsed, figures as the verdicts are', async (t) => {
  const { judge } = await open({ fake: { script: knowing }, model: { batchPrompts: 2 } });
  const predictor = judgePredictor({ completer: judge, templates: await findJudgeTemplate('verdict') });
  const { files } = await evaluate({
    datasets: [{ name: 'd', dataset: datasetFromRows(rows, 'd') }],
    predictor,
    benchmark: 'pairs',
    bootstrap: { resamples: 0 },
  });
  t.like(files[0]!.report.judge, { pairs: 3, judgements: 6, unparsable: 0 });
  t.true(Math.abs(files[0]!.report.judge!.consistency! - 2 / 3) < 1e-12);
  t.true(
    Math.abs(files[0]!.report.judge!.position_bias - 1 / 3) < 1e-12,
    String(files[0]!.report.judge!.position_bias),
  );
});

test('letter logits through the predictor: normalized over both letters; neither among the tokens: unparsable', async (t) => {
  const letter = (ids: number[]) => {
    const text = tokenizer.decode(ids);
    return text.includes('问题三')
      ? encode('好')
      : encode(text.indexOf('这是较好的回答') < text.indexOf('差的回答') ? 'A' : 'B');
  };
  const { judge } = await open({ fake: { script: letter } });
  const predictor = judgePredictor({ completer: judge, templates: await findJudgeTemplate('letter'), mode: 'logits' });
  const { files } = await evaluate({
    datasets: [{ name: 'd', dataset: datasetFromRows(rows, 'd') }],
    predictor,
    benchmark: 'pairs',
    bootstrap: { resamples: 0 },
  });
  const report = files[0]!.report.judge!;
  t.is(report.unparsable, 2);
  const [first] = files[0]!.scores[0]!.comparisons!;
  t.true(first!.judgements[0]!.probability! > 0.5 && first!.judgements[1]!.probability! < 0.5);
});
