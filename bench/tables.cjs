#!/usr/bin/env node
'use strict';
// The tables of README.md, docs/speed.md and bench/RESULTS.md, made from the figures in bench/results/cpu-*.json.
//
//   node bench/tables.cjs [--write | --check] [--results FILE]
//
// Between <!-- figures: NAME --> and <!-- /figures --> stands what this program makes; --write puts it there,
// --check fails where it differs, and neither prints all tables (--results: those of one file). Every file
// has its column, the newest first.

const { readFileSync, readdirSync, writeFileSync } = require('node:fs');
const { join } = require('node:path');
const { parseArgs } = require('node:util');
const { describeMachine, fixed, toMarkdown, withRange } = require('./measuring.cjs');

const ROOT = join(__dirname, '..');
const DOCUMENTS = ['README.md', 'docs/speed.md', 'bench/RESULTS.md'];
/** The rows of the range table that README.md has. */
const SUMMARY =
  /small, over transformers in float32$|command in float32$|, in bfloat16, over (transformers(,| in) bfloat16|llama\.cpp, q4_0)$/;
const DTYPES = ['float32', 'bfloat16'];
/** Rows of this engine with products in bfloat16: the rival's dtype, the ratio's field, and how the row says it. */
const BFLOAT16 = ['bfloat16', 'bfloat16Ratio', ', in bfloat16'];
const MODES = { train: 'training', eval: 'evaluation' };

/** A spread, where it was measured: "2.00 (1.90 to 2.10)". */
const told = (figure, digits) => (figure ? withRange(figure, digits) : '–');
const bold = (figure, digits) => told(figure, digits).replace(/^[\d.]+/, '**$&**');
/** A table without the columns and rows in which nothing was measured. */
function table(head, rows) {
  const measured = (cell) => /[^–\s/,]/.test(cell);
  const kept = rows.filter((cells) => cells.slice(1).some(measured));
  const columns = head.map((_, i) => kept.some((cells) => measured(cells[i])));
  const inTable = (cells) => cells.filter((_, i) => columns[i]);
  return toMarkdown(inTable(head), kept.map(inTable));
}
const perSecond = (count, seconds) => ({
  median: count / seconds.median,
  lowest: count / seconds.highest,
  highest: count / seconds.lowest,
});

/** transformers in every dtype beside this engine: bench/compare.cjs. */
function transformersTable({ rows }) {
  const head = [
    'model',
    'mode',
    'here, prompts/s',
    'transformers float32, prompts/s',
    'ratio (lowest to highest)',
    'bfloat16, prompts/s',
    'ratio',
    'here in bfloat16, prompts/s',
    'over float32, over bfloat16',
    'peak memory, MiB: here / float32 / bfloat16',
    'matrix GFLOP/s here / machine',
    'largest difference: float32, bfloat16',
  ];
  return table(
    head,
    rows.map((row) => {
      const [full, half] = DTYPES.map((dtype) => row.transformers[dtype]);
      return [
        row.config,
        MODES[row.mode],
        fixed(row.promptsPerSecond, 3),
        fixed(full?.promptsPerSecond, 3),
        bold(full?.ratio, 2),
        fixed(half?.promptsPerSecond, 3),
        bold(half?.ratio, 2),
        fixed(row.bfloat16PromptsPerSecond, 3),
        [full, half].map((side) => bold(side?.bfloat16Ratio, 2)).join(', '),
        [row.peakMib, full?.peakMib, half?.peakMib].map((mib) => mib ?? '–').join(' / '),
        row.shareOfMatrixPeak
          ? `${fixed(row.matrixGflops, 0)} / ${fixed(row.matrixPeakGflops, 0)} ` +
            `(${fixed(row.shareOfMatrixPeak * 100, 0)} %)`
          : fixed(row.matrixGflops, 0),
        [full, half].map((side) => side?.largestDifference?.toExponential(1) ?? '–').join(', '),
      ];
    }),
  );
}

/** RewardBench's own command beside `eval`: bench/rewardbench.cjs. */
function rewardbenchTable({ rows }) {
  const head = [
    'command',
    'seconds',
    "of `eval`'s time",
    'CPU seconds',
    'peak memory, MiB',
    "rewards' difference: root mean square, largest",
    'pairs that flip',
    'accuracy',
  ];
  return table(
    head,
    rows.map((row) => [
      row.name,
      told(row.seconds, 1),
      bold(row.ratio, 1),
      fixed(row.cpuSeconds, 0),
      row.peakMib ?? '–',
      [row.rmsDifference, row.largestDifference].map((value) => value?.toExponential(1) ?? '–').join(', '),
      row.flips ?? '–',
      fixed(row.accuracy, 3),
    ]),
  );
}

/** One sequence, and a prompt with five responses: bench/llama_cpp.cjs. */
function llamaScoringTable(part) {
  const { names, sequence, separate, shared, agreement, ours, oursBfloat16 } = part;
  const head = [
    'engine',
    `one sequence of ${part.sequenceTokens}, tokens/s`,
    'here over it',
    'in bfloat16',
    'five responses, each whole, s',
    'prompt once, s',
    'here over it',
    'in bfloat16',
    'next-token log-probability, largest difference',
  ];
  return table(
    head,
    names.map((name) => {
      const one = sequence?.[name];
      const beside = (cell) => (name === ours ? '' : cell);
      const besideBfloat16 = (cell) => (name === oursBfloat16 ? '' : cell);
      return [
        name,
        one ? told(perSecond(part.sequenceTokens, one.seconds), 0) : '–',
        beside(bold(one?.ratio, 2)),
        besideBfloat16(bold(one?.bfloat16Ratio, 2)),
        told(separate?.[name]?.seconds, 2),
        told(shared?.[name]?.seconds, 2),
        beside(bold(shared?.[name]?.ratio, 2)),
        besideBfloat16(bold(shared?.[name]?.bfloat16Ratio, 2)),
        beside(agreement?.[name]?.largestDifference?.toExponential(1) ?? '–'),
      ];
    }),
  );
}

/** Decoding after a prompt: bench/llama_cpp.cjs. */
function llamaGenerationTable(part) {
  const { names, generation, ours, oursBfloat16, newTokens } = part;
  const batches = Object.keys(generation);
  const head = [
    'engine',
    ...batches.flatMap((batch) => [
      batch === '1' ? 'one text, tokens/s' : `${batch} texts, tokens/s`,
      'here over it',
      'in bfloat16',
    ]),
  ];
  return table(
    head,
    names.map((name) => [
      name,
      ...batches.flatMap((batch) => {
        const figure = generation[batch][name];
        if (!figure) return ['–', '–', '–'];
        return [
          told(perSecond(newTokens * Number(batch), figure.seconds), 1),
          name === ours ? '' : bold(figure.ratio, 2),
          name === oursBfloat16 ? '' : bold(figure.bfloat16Ratio, 2),
        ];
      }),
    ]),
  );
}

/** How many times as fast this engine is, on every CPU: a column for each run. `wanted`: a pattern of rows' names. */
function rangeTable(files, wanted = /./) {
  const head = ['times as fast', ...files.map(({ machine, date }) => `${machine.generation}, ${date}`)];
  const rowsOf = (pick) => files.map(({ parts }) => pick(parts));
  const line = (name, figures) => (figures.some(Boolean) ? [[name, ...figures.map((figure) => told(figure, 1))]] : []);
  const configs = ['tiny', 'small'];
  const compared = [...DTYPES.map((dtype) => [dtype, 'ratio', '']), BFLOAT16].flatMap(([dtype, ratio, how]) =>
    Object.keys(MODES).flatMap((mode) =>
      configs.flatMap((config) =>
        line(
          `${MODES[mode]}, ${config}${how}, over transformers in ${dtype}`,
          rowsOf(
            ({ transformers }) =>
              transformers?.rows.find((row) => row.config === config && row.mode === mode)?.transformers[dtype]?.[
                ratio
              ],
          ),
        ),
      ),
    ),
  );
  const commands = DTYPES.flatMap((dtype) =>
    line(
      `evaluation, SmolLM2-135M, over RewardBench's command in ${dtype}`,
      rowsOf(({ rewardbench }) => rewardbench?.rows.find((row) => row.dtype === dtype)?.ratio),
    ),
  );
  const rivals = [
    'transformers, float32',
    'transformers, bfloat16',
    ...['f32', 'bf16', 'q8_0', 'q4_0'].map((type) => `llama.cpp, ${type}`),
  ];
  const two = (figures) => figures.map((figure) => (figure ? withRange(figure, 2) : '–'));
  const sequence = [['', 'ratio', ''], BFLOAT16].flatMap(([, ratio, how]) =>
    rivals.flatMap((name) => {
      const figures = rowsOf(({ llama_cpp: part }) => part?.sequence?.[name]?.[ratio]);
      if (!figures.some(Boolean)) return [];
      return [[`one sequence of 512, Qwen2.5-0.5B's shape${how}, over ${name}`, ...two(figures)]];
    }),
  );
  return table(
    head,
    [...compared, ...commands, ...sequence].filter(([name]) => wanted.test(name)),
  );
}

/** name → how to make the text between its markers. `files`: the newest first. */
function blocks(files) {
  const perMachine = (name, make) =>
    files
      .filter(({ parts }) => parts[name])
      .map(({ machine, date, note, parts }) => {
        const engines = parts[name].engines.join(', ');
        const from = `${describeMachine(machine)}; ${engines}; ${date}.${note ? ` ${note}` : ''}`;
        return `${from}\n\n${make(parts[name])}`;
      })
      .join('\n\n');
  return {
    'range': () => rangeTable(files),
    'summary': () => rangeTable(files, SUMMARY),
    'transformers': () => perMachine('transformers', transformersTable),
    'rewardbench': () => perMachine('rewardbench', rewardbenchTable),
    'llama.cpp scoring': () => perMachine('llama_cpp', llamaScoringTable),
    'llama.cpp generation': () => perMachine('llama_cpp', llamaGenerationTable),
  };
}

function readResults() {
  const folder = join(__dirname, 'results');
  return readdirSync(folder)
    .filter((name) => /^cpu-.*\.json$/.test(name))
    .map((name) => JSON.parse(readFileSync(join(folder, name), 'utf8')))
    .toSorted((a, b) => (a.date < b.date ? 1 : -1));
}

const MARKED = /(<!-- figures: ([^>]+?) -->\n)[\s\S]*?(<!-- \/figures -->)/g;

/** The document with every marked part made anew. */
function fill(text, made) {
  return text.replace(MARKED, (_, begin, name, end) => {
    if (!made[name]) throw new Error(`There is no table "${name}": expected one of ${Object.keys(made).join(', ')}.`);
    return `${begin}${made[name]()}\n${end}`;
  });
}

function main() {
  const { values } = parseArgs({
    options: { write: { type: 'boolean' }, check: { type: 'boolean' }, results: { type: 'string' } },
  });
  const made = blocks(values.results ? [JSON.parse(readFileSync(values.results, 'utf8'))] : readResults());
  if (!values.write && !values.check) {
    for (const [name, make] of Object.entries(made)) {
      const text = make();
      if (text !== '') console.log(`${name}\n\n${text}\n`);
    }
    return;
  }
  for (const document of DOCUMENTS) {
    const file = join(ROOT, document);
    const text = readFileSync(file, 'utf8');
    const filled = fill(text, made);
    if (values.write) writeFileSync(file, filled);
    else if (filled !== text) {
      throw new Error(`${document} does not have the figures of bench/results: run node bench/tables.cjs --write.`);
    }
  }
}

module.exports = { llamaGenerationTable, llamaScoringTable, rewardbenchTable, transformersTable };

if (require.main === module) {
  try {
    main();
  } catch (error) {
    console.error(error.message);
    process.exit(1);
  }
}
