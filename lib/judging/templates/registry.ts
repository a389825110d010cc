// Judge templates by name. To add one, write one file that defines it and list it here, or register it; or give a file
// of your own.

import { existsSync } from 'node:fs';
import { textOfMessage } from '../../data/conversation/texts';
import type { Prompt } from '../../data/types';
import { JudgeError } from '../errors';
import { readTemplateFile } from './file';
import { jsonEn, jsonZh } from './json';
import { letterEn, letterZh } from './letter';
import { checkTemplate, type JudgeTemplate } from './template';
import { verdictEn, verdictZh } from './verdict';

const OWN = [verdictZh, verdictEn, letterZh, letterEn, jsonZh, jsonEn];
const registered = new Map<string, JudgeTemplate>(OWN.map((template) => [template.name, checkTemplate(template)]));

/** Names without a language: they choose the Chinese or the English template by each prompt's text. */
const BILINGUAL = new Map([
  ['verdict', [verdictZh, verdictEn]],
  ['letter', [letterZh, letterEn]],
  ['json', [jsonZh, jsonEn]],
] as const);

/** Makes a template known by its name. */
export function registerJudgeTemplate(template: JudgeTemplate): void {
  if (registered.has(template.name) || BILINGUAL.has(template.name as 'verdict')) {
    throw new JudgeError(`A judge template named "${template.name}" is registered already; choose another name.`);
  }
  registered.set(template.name, checkTemplate(template));
}

/** The names of all templates, registered ones included. */
export function registeredJudgeTemplates(): string[] {
  return [...BILINGUAL.keys(), ...registered.keys()];
}

/** Which template a prompt gets: usually the same for all. */
export interface TemplateChoice {
  readonly name: string;
  readonly templates: readonly JudgeTemplate[];
  /** The template that fits the prompt. */
  templateFor(prompt: Prompt): JudgeTemplate;
}

/**
 * A template by its name, a pair of templates for two languages by theirs, else a file. @throws JudgeError if there is
 * none, or the file is not valid.
 */
export async function findJudgeTemplate(nameOrFile: string): Promise<TemplateChoice> {
  const both = BILINGUAL.get(nameOrFile as 'verdict');
  if (both) return { name: nameOrFile, templates: both, templateFor: (prompt) => both[isChinese(prompt) ? 0 : 1] };
  const known = registered.get(nameOrFile);
  if (!known && !existsSync(nameOrFile)) {
    throw new JudgeError(
      `"${nameOrFile}" is neither a judge template (${registeredJudgeTemplates().join(', ')}) nor a file that exists.`,
    );
  }
  const template = known ?? (await readTemplateFile(nameOrFile));
  return { name: template.name, templates: [template], templateFor: () => template };
}

/**
 * Whether Chinese characters are at least a tenth of the prompt's letters: prompts about Chinese texts often contain
 * much code or English.
 */
export function isChinese(prompt: Prompt): boolean {
  const text = typeof prompt === 'string' ? prompt : prompt.map(textOfMessage).join('\n');
  const letters = text.match(/\p{L}/gu)?.length ?? 0;
  const han = text.match(/\p{Script=Han}/gu)?.length ?? 0;
  return han > 0 && han * 10 >= letters;
}
