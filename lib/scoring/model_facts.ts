// What training wrote into the model folder for those who score with it.

import { readFile } from 'node:fs/promises';
import { join } from 'node:path';
import { z } from 'zod';

/** How samples must be built for this model; another way costs accuracy. */
export interface SampleFacts {
  doStrip: boolean;
  /** 'cheems': a doubled BOS token stays, as the original has it. */
  compat: 'cheems' | null;
}

const schema = z.object({ do_strip: z.boolean().optional(), compat: z.literal('cheems').nullable().optional() });

/**
 * From the folder's cheems.json. A folder without it, made by other tools, gets no doubled BOS, and the text as the chat template writes it, which is
 * what model cards show; stripped as the original does where it is the original's own or OpenRLHF's (architectures RewardModel), and where
 * the template is the user's, since those of older formats rely on the tokenizer for BOS.
 * @throws Error naming the file where it is broken.
 */
export async function readSampleFacts(folder: string, chatTemplateFile?: string): Promise<SampleFacts> {
  const file = join(folder, 'cheems.json');
  let text: string;
  try {
    text = await readFile(file, 'utf8');
  } catch (error) {
    if (['ENOENT', 'ENOTDIR'].includes((error as NodeJS.ErrnoException).code ?? '')) return { doStrip: chatTemplateFile !== undefined || (await isStrippedElsewhere(folder)), compat: null };
    throw new Error(`${file} cannot be read (${(error as Error).message}).`);
  }
  let facts: z.output<typeof schema>;
  try {
    facts = schema.parse(JSON.parse(text));
  } catch {
    throw new Error(`${file} is broken: "do_strip" must be true or false and "compat" null or "cheems". It says how this model's samples are built; restore it from the training run's folder.`);
  }
  return { doStrip: facts.do_strip ?? true, compat: facts.compat ?? null };
}

async function isStrippedElsewhere(folder: string): Promise<boolean> {
  try {
    const { architectures } = JSON.parse(await readFile(join(folder, 'config.json'), 'utf8')) as { architectures?: unknown };
    return Array.isArray(architectures) && architectures.includes('RewardModel');
  } catch {
    return false; // the engine tells what is wrong with it
  }
}
