// Writes lib/engine/types.generated.ts from the built addon's descriptions of its options, results and defaults
// (bindings/schema.cpp). node scripts/generate/generate_engine_types.cjs [--check]    --check: says whether the file is
// as it should be, and writes nothing
'use strict';
const { readFileSync, writeFileSync } = require('node:fs');
const { join } = require('node:path');

const root = join(__dirname, '../..');
const file = join(root, 'lib', 'engine', 'types.generated.ts');

const quoted = (value) => `'${value}'`;

/**
 * The TypeScript type of a field; `isOption`: the type that callers may pass, which for lists is wider than the
 * returned one.
 */
function typeOf({ type: described, oneForAll }, isOption) {
  const type = described.replace('?', '');
  if (type.includes(' | ')) return type.split(' | ').map(quoted).join(' | ');
  if (type === 'Int32Array' && isOption) return `${oneForAll ? 'number | ' : ''}readonly number[] | Int32Array`;
  return type;
}

function comment(text, indent) {
  if (text === '') return [];
  const lines = [];
  for (const word of text.split(' ')) {
    if (lines.length > 0 && `${lines.at(-1)} ${word}`.length <= 110) lines[lines.length - 1] += ` ${word}`;
    else lines.push(word);
  }
  return lines.length === 1
    ? [`${indent}/** ${lines[0]} */`]
    : [`${indent}/**`, ...lines.map((line) => `${indent} * ${line}`), `${indent} */`];
}

/** What the types are, those that the library's users see first of all. */
const ABOUT = {
  ArchitectureInfo: 'What kind of model a folder holds, and its sizes.',
  ComparisonArrays: "P pairs of a batch's samples. If an array is absent, all pairs have its default.",
  SampleBatch: 'Token sequences back to back, grouped by the prompt that they share.',
  BackendInfo: 'A device that the engine can compute on, or why there is none.',
  CudaInfo: 'The CUDA backend that is installed. If no plug-in could be loaded, `missing` alone says why.',
  CudaLibrary: "One of NVIDIA's libraries.",
  DeviceFacts: "What a run's record says of its device.",
  EngineInfo: 'The engine that is loaded, and what it runs on.',
  MemoryPlan: 'The memory that a run needs.',
  MemoryPlanEntry: 'One part of the memory that a run needs.',
};

function interfaceOf(name, fields, isOption) {
  const lines = [...comment(ABOUT[name] ?? '', ''), `export interface ${name} {`];
  for (const described of fields) {
    const { name: field, type, doc, required, orNull, ...rest } = described;
    const optional = (type.endsWith('?') && !orNull) || (isOption && !required);
    const text = typeOf(described, isOption) + (orNull ? ' | null' : '');
    const said =
      'default' in rest && isOption ? `${doc}${doc === '' ? '' : ' '}Default: ${JSON.stringify(rest.default)}.` : doc;
    lines.push(
      ...comment(said, '  '),
      `  ${field}${optional ? '?' : ''}: ${text}${optional && isOption ? ' | undefined' : ''};`,
    );
  }
  return [...lines, '}', ''];
}

function literal(value) {
  return typeof value === 'string' ? quoted(value) : JSON.stringify(value);
}

function defaultsOf(options) {
  const lines = ['/** What the engine takes where an option is absent. */', 'export const ENGINE_DEFAULTS = {'];
  for (const [name, fields] of Object.entries(options)) {
    const known = fields.filter((field) => 'default' in field);
    if (known.length === 0) continue;
    lines.push(`  ${name}: {`, ...known.map((field) => `    ${field.name}: ${literal(field.default)},`), '  },');
  }
  return [...lines, '} as const;', ''];
}

function generate() {
  const { options, arrays, results, enums, codes, knobs } = JSON.parse(
    require(join(root, 'build', 'Release', 'cheems_native.node')).schema(),
  );
  return [
    '// Made by scripts/generate/generate_engine_types.cjs from the descriptions in C++: change those, build, ' +
      'and run it again.',
    '',
    ...Object.entries(enums).map(([name, values]) => `export type ${name} = ${values.map(quoted).join(' | ')};`),
    '',
    ...Object.entries(codes).flatMap(([name, values]) => [
      `export const ${name} = { ${Object.entries(values)
        .map(([key, code]) => `${key}: ${code}`)
        .join(', ')} } as const;`,
      '',
    ]),
    ...Object.entries(options).flatMap(([name, fields]) => interfaceOf(name, fields, true)),
    ...Object.entries({ ...arrays, ...results }).flatMap(([name, fields]) => interfaceOf(name, fields, false)),
    ...defaultsOf(options),
    '/** Options that sentences of the engine name, in backticks. */',
    `export const ENGINE_KNOBS: readonly string[] = [${knobs.map(quoted).join(', ')}];`,
    '',
  ].join('\n');
}

const text = generate();
if (!process.argv.includes('--check')) {
  writeFileSync(file, text);
} else if (readFileSync(file, 'utf8') !== text) {
  console.error(
    'lib/engine/types.generated.ts is not what the engine describes: run node ' +
      'scripts/generate/generate_engine_types.cjs.',
  );
  process.exitCode = 1;
}
