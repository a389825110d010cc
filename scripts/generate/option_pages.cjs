// Makes the tables of options on the pages docs/COMMAND.md from the tables that --help uses. They are between <!--
// options: COMMAND --> and <!-- /options -->. scripts/generate/write_option_comments.cjs writes them.
'use strict';
const fs = require('node:fs');
const path = require('node:path');

const root = path.resolve(__dirname, '..', '..');
const MARKED = /(<!-- options: ([^>]+?) -->\n)[\s\S]*?(<!-- \/options -->)/g;

/** Every command by its full name (`train`, `plan train`), with the options of its --help. */
function commands() {
  const { COMMANDS, PLANS } = require(path.join(root, 'dist', 'cli', 'commands.js'));
  const named = [...Object.entries(COMMANDS), ...Object.entries(PLANS).map(([name, plan]) => [`plan ${name}`, plan])];
  return new Map(named.map(([name, { load }]) => [name, load().options]));
}

/** The page of a command: `plan train` and `plan eval` share one. */
const pageOf = (name) => `docs/${name.split(' ')[0]}.md`;

const escaped = (text) => text.replaceAll('|', '\\|').replaceAll('<', '&lt;').replaceAll('\n', ' ');
const code = (text) => `\`${text}\``;

/** One row of a table: name, values, default, meaning. */
function row([name, { description }]) {
  const [, text, said] = /^(.*?)(?: \[default: ([^\]]+)\])?$/s.exec(description.describe);
  const { type, choices, word, required, default: fallback, otherName } = description;
  const kind = { string: 'text', number: 'number', boolean: 'true or false', array: 'one or more' }[type];
  const values = choices ? choices.map(code).join(', ') : word ? `${kind} or ${code(word)}` : kind;
  const initial = required
    ? 'required'
    : said !== undefined
      ? escaped(said)
      : fallback === undefined
        ? ''
        : code(fallback);
  const also = otherName === undefined ? '' : ` (also ${code(`--${otherName}`)})`;
  return `| ${code(`--${name}`)} | ${values} | ${initial} | ${escaped(text)}${also} |`;
}

function table(options) {
  return ['| option | values | default | meaning |', '| --- | --- | --- | --- |', ...options.map(row)].join('\n');
}

/** A table per group, in the order of --help. */
function grouped(options) {
  const groups = new Map();
  for (const [name, option] of Object.entries(options)) {
    const { group } = option.description;
    groups.set(group, [...(groups.get(group) ?? []), [name, option]]);
  }
  return [...groups].map(([group, members]) => `### ${escaped(group)}\n\n${table(members)}`).join('\n\n');
}

/** The options of a command that differ from those of another one, whose page has them all. */
function differences(name, options, other, otherOptions) {
  const same = (key) => JSON.stringify(options[key].description) === JSON.stringify(otherOptions[key]?.description);
  const missing = Object.keys(otherOptions).filter((key) => !(key in options));
  const changed = Object.entries(options).filter(([key]) => !same(key));
  const except = missing.length === 0 ? '' : `, except ${missing.map((key) => code(`--${key}`)).join(', ')}`;
  const lead = `${code(name)} takes the options of [${other}](${other}.md#options)${except}.`;
  return changed.length === 0 ? lead : `${lead} These differ:\n\n${table(changed)}`;
}

/** The text between the marks of a command. */
function optionsText(name, all) {
  const options = all.get(name);
  if (options === undefined) throw new Error(`There is no command "${name}".`);
  const [plan, other] = name.split(' ');
  if (plan === 'plan') return differences(name, options, other, all.get(other));
  return (
    `${grouped(options)}\n\nEvery option may be written with \`-\` for \`_\`, and be set in the YAML or JSON file ` +
    `given with \`--config\`.`
  );
}

/** Pages and the text that they should have. @throws Error if a command has no page, or its page has no marks. */
function wantedPages() {
  const all = commands();
  const pages = new Map();
  for (const name of all.keys()) {
    const page = pageOf(name);
    const text = pages.get(page) ?? fs.readFileSync(path.join(root, page), 'utf8');
    const begin = `<!-- options: ${name} -->\n`;
    if (!text.includes(begin)) throw new Error(`${page} has no line ${begin.trim()}`);
    const filled = text.replace(MARKED, (whole, head, marked, end) =>
      marked === name ? `${head}\n${optionsText(name, all)}\n\n${end}` : whole,
    );
    pages.set(page, filled);
  }
  return pages;
}

module.exports = { commands, pageOf, wantedPages };
