#!/usr/bin/env node
'use strict';
// Scoring and generation beside llama.cpp (node-llama-cpp's prebuilt library) and transformers, in turns.
//
//   node bench/llama_cpp.cjs --python PYTHON --llama FOLDER [--works sequence,shared,generation] [--rounds 5]
//     [--shared_rounds 2] [--generation_rounds 3] [--batches 1,8] [--new_tokens 16] [--threads N] [--tiny]
//     [--output FILE]
//
// FOLDER has node_modules/node-llama-cpp (bench/setup.sh installs it); PYTHON has transformers and gguf. The model is
// Qwen2.5-0.5B's shape with random weights, made once: 8 GB in build/bench. Requests, {"work", …} to all workers:
//
//   score         {samples}            every sample whole: what scoring without shared prompts needs
//   score_shared  {prompt, responses}  the prompt once, by whatever the engine has for it
//   generate      {prompts, newTokens} → decodeSeconds: greedy, after the first new token
//   next_tokens   {prompt, count}      → ids, logProbabilities: whether all compute the same model
//
// llama.cpp has no reward head of ours: it is timed up to the last token's hidden state (and the logits it always
// makes of it), transformers up to the hidden state, this engine up to the reward. So next-token probabilities are
// what is compared.

const { existsSync, readFileSync, writeFileSync } = require('node:fs');
const { availableParallelism } = require('node:os');
const { join } = require('node:path');
const { parseArgs } = require('node:util');
const {
  Worker,
  describeMachine,
  fixed,
  inTurn,
  loadAverage,
  machineFacts,
  runToEnd,
  spread,
  warnUnlessQuiet,
  withWorkers,
} = require('./measuring.cjs');
const { llamaGenerationTable, llamaScoringTable } = require('./tables.cjs');

const SEQUENCE_TOKENS = 512;
/** Lengths of the responses to one prompt: 300 on average, spread as bench/huggingface.py's are. */
const SHARED = { prompt: 180, responses: [150, 220, 280, 350, 500] };
const GENERATION_PROMPT = 64;
const COMPARED_TOKENS = 20;
/** Largest difference of next-token log-probabilities from this engine's; quantized weights are another model. */
const AGREEMENT = { float32: 1e-3, f32: 5e-3, bfloat16: 0.1, bf16: 0.1 };
const OURS = 'cheems-native, bfloat16 folder';
const OURS_BFLOAT16 = 'cheems-native, bfloat16 products';
const LLAMA_TYPES = ['f32', 'bf16', 'q8_0', 'q4_0'];

/** Ids that look random and are the same in every run. */
function idsOf(vocabulary, count, seed) {
  return Array.from({ length: count }, (_, i) => 100 + ((seed * 7919 + i * 104729 + i * i) % (vocabulary - 200)));
}

function makeModel(options) {
  const folder = join(options.work, options.tiny ? 'causal-tiny' : 'qwen2-0.5b');
  if (!existsSync(join(folder, 'float32', 'config.json'))) {
    const args = ['make', '--model', folder, ...(options.tiny ? ['--tiny'] : [])];
    runToEnd(options.python, [join(__dirname, 'causal_huggingface.py'), ...args]);
  }
  runToEnd(options.python, [join(__dirname, 'llama_cpp_gguf.py'), join(folder, 'bfloat16'), join(folder, 'gguf')]);
  return folder;
}

/** [name, type, how its worker starts] of every side; the first is what others are compared with. */
function sidesOf(folder, options) {
  const threads = ['--threads', String(options.threads)];
  const native = (dtype, precision) => () =>
    Worker.start(process.execPath, [
      join(__dirname, 'causal_native_worker.cjs'),
      join(folder, dtype),
      ...threads,
      '--precision',
      precision,
    ]);
  const python = (dtype) => () =>
    Worker.start(options.python, [
      join(__dirname, 'causal_huggingface.py'),
      'serve',
      '--model',
      join(folder, dtype),
      '--dtype',
      dtype,
      ...threads,
    ]);
  const llama = (type) => () =>
    Worker.start(process.execPath, [
      join(__dirname, 'llama_cpp_worker.mjs'),
      join(folder, 'gguf', `${type}.gguf`),
      '--package',
      options.llama,
      ...threads,
      '--sequences',
      String(Math.max(...options.batches)),
    ]);
  return [
    [OURS, 'float32', native('bfloat16', 'float32')],
    [OURS_BFLOAT16, 'bfloat16', native('bfloat16', 'bfloat16')],
    ['cheems-native, float32 folder', 'float32', native('float32', 'float32')],
    ...['float32', 'bfloat16'].map((dtype) => [`transformers, ${dtype}`, dtype, python(dtype)]),
    ...LLAMA_TYPES.map((type) => [`llama.cpp, ${type}`, type, llama(type)]),
  ];
}

/** Largest difference of the log-probabilities of the tokens that both name, and whether the likeliest is the same. */
function compareNextTokens(ours, theirs) {
  const known = new Map(ours.ids.map((id, i) => [id, ours.logProbabilities[i]]));
  const differences = theirs.ids.flatMap((id, i) => {
    return known.has(id) ? [Math.abs(known.get(id) - theirs.logProbabilities[i])] : [];
  });
  return {
    sameLikeliest: ours.ids[0] === theirs.ids[0],
    inCommon: differences.length,
    largestDifference: differences.length > 0 ? Math.max(...differences) : null,
  };
}

async function checkAgreement(sides, prompt) {
  const request = JSON.stringify({ work: 'next_tokens', prompt, count: COMPARED_TOKENS });
  const answers = [];
  for (const { worker } of sides) answers.push(await worker.ask(request));
  return sides.map(({ name, type }, i) => {
    const agreement = compareNextTokens(answers[0], answers[i]);
    const allowed = AGREEMENT[type];
    if (allowed !== undefined && !(agreement.inCommon > 0 && agreement.largestDifference <= allowed)) {
      throw new Error(
        `${name} and ${OURS} do not compute the same model: the log-probabilities of next tokens differ ` +
          `by ${agreement.largestDifference}.`,
      );
    }
    return agreement;
  });
}

/** `rounds` times the request to every side in turn, after a warm-up that is not counted; name → answers. */
async function measure(sides, label, request, rounds, warmUp) {
  const line = JSON.stringify(request);
  const answers = Object.fromEntries(sides.map(({ name }) => [name, []]));
  for (const { worker } of sides) await worker.ask(JSON.stringify(warmUp));
  for (let round = 0; round < rounds; round += 1) {
    for (const { name, worker } of inTurn(sides, round)) {
      answers[name].push({ ...(await worker.ask(line)), load: loadAverage() });
    }
    const told = sides.map(({ name }) => {
      const { seconds, decodeSeconds } = answers[name][round];
      return `${name} ${fixed(decodeSeconds ?? seconds, 2)}`;
    });
    process.stderr.write(`${label} round ${round + 1}, seconds: ${told.join('; ')}; load ${loadAverage()}\n`);
  }
  return answers;
}

/** name → {seconds, ratio, bfloat16Ratio}: how long each side takes over this engine, by round, and in bfloat16. */
function summarize(answers, secondsOf = ({ seconds }) => seconds) {
  const [ours, inBfloat16] = [OURS, OURS_BFLOAT16].map((name) => answers[name].map(secondsOf));
  return Object.fromEntries(
    Object.entries(answers).map(([name, list]) => {
      const seconds = list.map(secondsOf);
      const over = (side) => spread(seconds.map((value, i) => value / side[i]));
      return [name, { seconds: spread(seconds), ratio: over(ours), bfloat16Ratio: over(inBfloat16) }];
    }),
  );
}

async function measureAll(sides, vocabulary, options) {
  const raw = {};
  const tables = {};
  if (options.works.includes('sequence')) {
    const request = { work: 'score', samples: [idsOf(vocabulary, SEQUENCE_TOKENS, 1)] };
    raw.sequence = await measure(sides, 'one sequence', request, options.rounds, request);
    tables.sequence = summarize(raw.sequence);
  }
  if (options.works.includes('shared')) {
    const prompt = idsOf(vocabulary, SHARED.prompt, 2);
    const responses = SHARED.responses.map((length, i) => idsOf(vocabulary, length, 3 + i));
    const samples = responses.map((response) => [...prompt, ...response]);
    const works = {
      separate: [
        { work: 'score', samples },
        { work: 'score', samples: samples.slice(0, 1) },
      ],
      shared: [
        { work: 'score_shared', prompt, responses },
        { work: 'score_shared', prompt, responses: responses.slice(0, 1) },
      ],
    };
    for (const [name, [request, warmUp]] of Object.entries(works)) {
      raw[name] = await measure(sides, `five responses, ${name}`, request, options.sharedRounds, warmUp);
    }
    Object.assign(tables, { separate: summarize(raw.separate), shared: summarize(raw.shared) });
  }
  if (options.works.includes('generation')) {
    tables.generation = {};
    for (const batch of options.batches) {
      const prompts = Array.from({ length: batch }, (_, p) => idsOf(vocabulary, GENERATION_PROMPT, 10 + p));
      const request = { work: 'generate', prompts, newTokens: options.newTokens };
      const warmUp = { ...request, newTokens: 1 };
      const answers = await measure(sides, `generation of ${batch}`, request, options.generationRounds, warmUp);
      raw[`generation ${batch}`] = answers;
      tables.generation[batch] = summarize(answers, ({ decodeSeconds }) => decodeSeconds);
    }
  }
  return { raw, tables };
}

async function run(options) {
  const folder = makeModel(options);
  const vocabulary = JSON.parse(readFileSync(join(folder, 'bfloat16', 'config.json'), 'utf8')).vocab_size;
  const starts = sidesOf(folder, options);
  return withWorkers(
    starts.map(([, , start]) => start),
    async (workers) => {
      const sides = starts.map(([name, type], i) => ({ name, type, worker: workers[i] }));
      const agreements = await checkAgreement(sides, idsOf(vocabulary, GENERATION_PROMPT, 0));
      const { raw, tables } = await measureAll(sides, vocabulary, options);
      const answers = Object.values(raw).flatMap((byName) => Object.values(byName).flat());
      return {
        engines: [...new Set(workers.map(({ engine }) => engine))],
        threads: options.threads,
        model: options.tiny ? 'tiny' : "Qwen2.5-0.5B's shape, random weights",
        ours: OURS,
        oursBfloat16: OURS_BFLOAT16,
        sequenceTokens: SEQUENCE_TOKENS,
        sharedTokens: SHARED,
        newTokens: options.newTokens,
        rounds: { sequence: options.rounds, shared: options.sharedRounds, generation: options.generationRounds },
        names: sides.map(({ name }) => name),
        agreement: Object.fromEntries(sides.map(({ name }, i) => [name, agreements[i]])),
        ...tables,
        load: spread(answers.map(({ load }) => load)),
        others: Math.max(...answers.map(({ others }) => others)),
        raw,
      };
    },
  );
}

async function main() {
  const { values } = parseArgs({
    options: {
      python: { type: 'string', default: 'python3' },
      llama: { type: 'string' },
      works: { type: 'string', default: 'sequence,shared,generation' },
      rounds: { type: 'string', default: '5' },
      shared_rounds: { type: 'string', default: '2' },
      generation_rounds: { type: 'string', default: '3' },
      batches: { type: 'string', default: '1,8' },
      new_tokens: { type: 'string', default: '16' },
      threads: { type: 'string', default: String(availableParallelism()) },
      work: { type: 'string', default: join(__dirname, '..', 'build', 'bench') },
      tiny: { type: 'boolean', default: false },
      output: { type: 'string' },
    },
  });
  if (!values.llama) throw new Error('--llama names the folder with node_modules/node-llama-cpp: see bench/setup.sh.');
  const part = await run({
    ...values,
    works: values.works.split(','),
    rounds: Number(values.rounds),
    sharedRounds: Number(values.shared_rounds),
    generationRounds: Number(values.generation_rounds),
    batches: values.batches.split(',').map(Number),
    newTokens: Number(values.new_tokens),
    threads: Number(values.threads),
  });
  console.log(`${describeMachine(machineFacts())}; ${part.engines.join(', ')}; ${part.threads} threads\n`);
  if (part.sequence || part.shared) console.log(`${llamaScoringTable(part)}\n`);
  if (part.generation) console.log(llamaGenerationTable(part));
  warnUnlessQuiet(part.others);
  if (values.output) writeFileSync(values.output, `${JSON.stringify(part, null, 1)}\n`);
}

main().catch((error) => {
  console.error(error.message);
  process.exit(1);
});
