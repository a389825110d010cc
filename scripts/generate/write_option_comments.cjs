// Writes the comments of options into the types, from the tables of the command line's help, so that editors show the
// same text as --help. The tables of docs/COMMAND.md come from them too. Run it after a table has changed (node
// scripts/generate/write_option_comments.cjs); with --check it only lists what is out of date. It reads dist/, so
// compile before and after.
'use strict';
const fs = require('node:fs');
const path = require('node:path');
const { wantedPages } = require('./option_pages.cjs');

const root = path.resolve(__dirname, '../..');
const built = (file) => require(path.join(root, 'dist', file));
const WIDTH = 120;

/**
 * Names of the command line as the library has them: `max_length` is `maxLength` there, `chat_template` has another
 * name.
 */
function libraryNames(table) {
  const snake = (name) => name.replace(/[A-Z]/g, (letter) => `_${letter.toLowerCase()}`);
  return Object.fromEntries(
    Object.keys(table).map((name) => [name === 'chatTemplateFile' ? 'chat_template' : snake(name), name]),
  );
}

const target = (file, name, table) => ({ file, name, table, names: libraryNames(table) });

function targets() {
  const scoring = built('scoring/options.js');
  const generation = built('generation/options.js');
  return [
    target('lib/scoring/options.ts', 'RewardModelOptions', scoring.rewardModelOptions),
    target('lib/scoring/options.ts', 'ScoreItemsOptions', scoring.scoreItemsOptions),
    target('lib/scoring/readouts.ts', 'ReadoutOptions', scoring.rewardModelOptions),
    target('lib/generation/options.ts', 'LanguageModelOptions', generation.languageModelOptions),
    target('lib/generation/options.ts', 'SamplingOptions', generation.samplingOptions),
    target('lib/generation/options.ts', 'GenerateOptions', generation.generateOptions),
  ];
}

/** A comment as written to a file, with lines of limited length. */
function commentLines(text, indent) {
  const words = text.replaceAll('*/', '* /').split(' ');
  const lines = [''];
  for (const word of words) {
    const line = lines.at(-1);
    if (line !== '' && indent.length + line.length + word.length + 8 > WIDTH) lines.push(word);
    else lines[lines.length - 1] = line === '' ? word : `${line} ${word}`;
  }
  if (lines.length === 1) return [`${indent}/** ${lines[0]} */`];
  return [`${indent}/**`, ...lines.map((line) => `${indent} * ${line}`), `${indent} */`];
}

/** The interface's text with the comments of its members replaced. */
function withComments(source, { file, name, table, names }) {
  const { commentOf } = built('options/library_options.js');
  const begin = source.search(new RegExp(`^export interface ${name}\\b.*\\{$`, 'm'));
  if (begin < 0) throw new Error(`${file} has no interface ${name}`);
  const end = source.indexOf('\n}\n', begin);
  const lines = [];
  for (const line of source.slice(begin, end).split('\n')) {
    const member = /^(\s+)(\w+)\??:/.exec(line);
    if (/^\s*(\/\*\*|\*)/.test(line)) continue; // the old comment
    if (member && table[member[2]]) lines.push(...commentLines(commentOf(table[member[2]], names), member[1]));
    else if (member) throw new Error(`${file}: ${name}.${member[2]} is in no table`);
    lines.push(line);
  }
  return source.slice(0, begin) + lines.join('\n') + source.slice(end);
}

/** lib/options/training_values.ts: all of it. */
function trainingValues() {
  const { trainOptionDefinitions } = built('options/training.js');
  const { commentOf } = built('options/library_options.js');
  const typeOf = ({ type, choices, word, default: fallback, required }) => {
    const plain = { string: 'string', number: 'number', boolean: 'boolean', array: 'string[]' }[type];
    const own = choices ? choices.map((choice) => `'${choice}'`).join(' | ') : word ? `${plain} | '${word}'` : plain;
    return fallback === undefined && required !== true && type !== 'array' ? `${own} | undefined` : own;
  };
  const members = Object.entries(trainOptionDefinitions).flatMap(([name, { description }]) => [
    ...commentLines(commentOf(description), '  '),
    `  ${name}: ${typeOf(description)};`,
  ]);
  return [
    '// Written by scripts/generate/write_option_comments.cjs from the table in training.ts. Change that one.',
    '',
    '/** The options of a training run, settled. */',
    'export interface TrainOptionValues {',
    ...members,
    '}',
    '',
  ].join('\n');
}

/** The files and the text that each should have. */
function wanted() {
  const files = new Map([['lib/options/training_values.ts', trainingValues()], ...wantedPages()]);
  for (const one of targets()) {
    files.set(one.file, withComments(files.get(one.file) ?? fs.readFileSync(path.join(root, one.file), 'utf8'), one));
  }
  return files;
}

function main(check) {
  const old = [...wanted()].filter(
    ([file, text]) => !fs.existsSync(path.join(root, file)) || fs.readFileSync(path.join(root, file), 'utf8') !== text,
  );
  if (!check) for (const [file, text] of old) fs.writeFileSync(path.join(root, file), text);
  for (const [file] of old)
    console.log(`${file} ${check ? 'is out of date: run node scripts/generate/write_option_comments.cjs' : 'written'}`);
  if (check && old.length > 0) process.exitCode = 1;
}

module.exports = { wanted };
if (require.main === module) main(process.argv.includes('--check'));
