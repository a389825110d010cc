// A judge's prompt and parser in a user's YAML or JSON file: for judges that were trained on a particular prompt.

import { readFile } from 'node:fs/promises';
import { basename, extname } from 'node:path';
import { z } from 'zod';
import { JudgeError } from '../errors';
import { bindParser } from '../parsers/registry';
import { ROLES_EN } from './roles';
import { checkTemplate, type JudgeTemplate } from './template';

const filled = (what: string) => z.string(`${what} must be a text`).min(1, `${what} must not be empty`);

const parser = z.union(
  [
    filled('the parser').transform((name) => ({ name, options: {} })),
    z.looseObject({ name: filled('its "name"') }).transform(({ name, ...options }) => ({ name, options })),
  ],
  "must be a parser's name, or its name and options: {name: json, field: choice}",
);

const schema = z.strictObject({
  name: filled('the name').optional(),
  // An empty system text is not the same as none: chat templates may insert their own if there is none.
  system: z.string('the system text must be a text').optional(),
  user: filled('the user text'),
  history: z.enum(['transcript', 'separate', 'refuse'], 'must be transcript, separate or refuse').default('transcript'),
  roles: z
    .record(
      z.string(),
      z.string("a role's name must be a text"),
      'must give a name for each role: {user: 用户, assistant: 助手}',
    )
    .default({}),
  parser,
  reasoning: z.enum(['strip', 'keep'], 'must be strip or keep').default('strip'),
  letters: z
    .strictObject({ a: filled('letter a'), b: filled('letter b') }, 'must be {a: …, b: …}')
    .default({ a: 'A', b: 'B' }),
});

/**
 * Reads and checks a template file; the template is named after the file unless it gives a name.
 * @throws JudgeError naming file and key: unreadable file, broken YAML, unknown key, missing placeholder, unknown
 * parser or invalid options for it.
 */
export async function readTemplateFile(file: string): Promise<JudgeTemplate> {
  let text: string;
  try {
    text = await readFile(file, 'utf8');
  } catch (error) {
    throw new JudgeError(`The judge template ${file} cannot be read (${(error as Error).message}).`);
  }
  const { parseDocument } = require('yaml') as typeof import('yaml');
  const document = parseDocument(text);
  if (document.errors[0])
    throw new JudgeError(`${file}: ${document.errors[0].message.split('\n')[0]!.replace(/:$/, '.')}`);
  const given: unknown = document.toJS();
  const result = schema.safeParse(given);
  if (!result.success) throw new JudgeError(`${file}: ${describeIssue(result.error.issues[0]!, given)}`);
  const { name = basename(file, extname(file)), system, roles, ...rest } = result.data;
  try {
    const template = checkTemplate({
      ...rest,
      name,
      roles: { ...ROLES_EN, ...roles },
      ...(system === undefined ? {} : { system }),
    });
    bindParser(template.parser.name, template.parser.options);
    return template;
  } catch (error) {
    throw error instanceof JudgeError ? new JudgeError(`${file}: ${error.message}`) : error;
  }
}

function describeIssue(issue: z.core.$ZodIssue, given: unknown): string {
  const keys = Object.keys(schema.shape).join(', ');
  if (issue.code === 'unrecognized_keys')
    return `"${issue.keys[0]}" is not a key of a judge template; the keys are ${keys}.`;
  if (issue.path.length === 0)
    return `the file must hold "key: value" lines (YAML) or one object (JSON) with the keys ${keys}.`;
  const key = String(issue.path[0]);
  if (['user', 'parser'].includes(key) && !Object.hasOwn(given as object, key)) return `"${key}" is missing.`;
  return `"${issue.path.join('.')}": ${issue.message}.`;
}
