// cheems.json: how a trained model's samples were built, and must be built for scoring. One schema serves writing and
// reading.

import { readFile } from 'node:fs/promises';
import { join } from 'node:path';
import type { z } from 'zod';
import { PACKAGE_NAME } from '../support/package_version';
import { codeOf, messageOf } from '../support/thrown';
import { ModelFolderError } from './errors';
import { FACTS_FILE } from './files';

function factsSchema() {
  const { z } = require('zod') as typeof import('zod'); // loaded only if there is such a file
  return z.object({
    package: z.literal(PACKAGE_NAME),
    package_version: z.string(),
    /** Samples were built so, and must be built so for scoring. */
    do_strip: z.boolean(),
    /** 'transformers': written by early versions; it changes no sample. */
    compat: z.enum(['cheems', 'transformers']).nullable(),
    /** How special tokens in texts were read; a training run that refused them records 'keep'. */
    special_tokens_in_text: z.enum(['keep', 'escape']),
    max_length: z.number(),
    truncation: z.boolean(),
    /** SHA-256 of the chat template; null if all samples were given as token ids. */
    chat_template_sha256: z.string().nullable(),
    /** Where the reward is read. */
    reward_position: z.literal('last token of the sample'),
    /** The tensor name of the head's last layer. */
    reward_head: z.string(),
    /**
     * The last ids of the training samples (at most 16, the most frequent first): config.json's pad_token_id is not one
     * of them.
     */
    last_token_ids: z.array(z.number()),
  });
}

/** The content of cheems.json. */
export type RewardModelFacts = z.infer<ReturnType<typeof factsSchema>>;
/** The choices that scoring follows. Early versions wrote fewer. */
export type SampleChoices = Partial<Pick<RewardModelFacts, 'do_strip' | 'compat' | 'special_tokens_in_text'>>;

/** The text of cheems.json. */
export function factsText(facts: RewardModelFacts): string {
  return `${JSON.stringify(factsSchema().parse(facts), null, 2)}\n`;
}

/**
 * What a folder's cheems.json says about its samples; undefined if there is none.
 * @throws ModelFolderError naming the file if it is broken.
 */
export async function readSampleChoices(folder: string): Promise<SampleChoices | undefined> {
  const file = join(folder, FACTS_FILE);
  let text: string;
  try {
    text = await readFile(file, 'utf8');
  } catch (error) {
    if (['ENOENT', 'ENOTDIR'].includes(codeOf(error) ?? '')) return undefined;
    throw new ModelFolderError(`${file} cannot be read (${messageOf(error)}).`);
  }
  const read = factsSchema().pick({ do_strip: true, compat: true, special_tokens_in_text: true }).partial();
  try {
    return read.parse(JSON.parse(text)) as SampleChoices;
  } catch {
    throw new ModelFolderError(
      `${file} is broken: "do_strip" must be true or false, "compat" null, "cheems" or "transformers", and ` +
        `"special_tokens_in_text" "keep" or "escape". It says how this model's samples are built; restore it ` +
        'from the ' +
        "training run's folder.",
    );
  }
}
