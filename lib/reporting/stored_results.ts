// An evaluation read back from its folder: results.json and prompts.jsonl.

import { EvaluationError } from '../evaluation/errors';
import { readFile } from 'node:fs/promises';
import { dirname, join } from 'node:path';
import { z } from 'zod';
import type { PromptRow } from './prompts';
import { knob } from '../text/knobs';

const RESULTS = z.object({
  overall: z.number().nullable(),
  formula: z.string(),
  files: z.record(z.string(), z.object({ basis: z.enum(['rank', 'labels', 'none']) })),
  meta: z.object({
    benchmark: z.string(),
    predictor: z.string(),
    data: z.array(z.object({ file: z.string(), sha256: z.string() })),
    date: z.string(),
  }),
});

const PROMPT = z.object({
  file: z.string(),
  prompt_id: z.string(),
  line: z.number().nullable(),
  category: z.string().nullable(),
  pairs: z.number(),
  right: z.number(),
  asked: z.number(),
  exact: z.number(),
});

/** The results of an evaluation, as read from their folder. */
export interface StoredResults {
  path: string;
  overall: number;
  formula: string;
  benchmark: string;
  predictor: string;
  date: string;
  data: { file: string; sha256: string }[];
  /** In the order of the evaluation. */
  prompts: PromptRow[];
}

/** @throws Error with a sentence if a file is missing, truncated or of another kind. */
export async function readResults(path: string): Promise<StoredResults> {
  const results = parse(
    RESULTS,
    await read(path, `Give the results.json that an evaluation with ${knob('outputDir')} wrote.`),
    path,
    'it is not the results.json of an evaluation',
  );
  const promptsFile = join(dirname(path), 'prompts.jsonl');
  const lines = (
    await read(
      promptsFile,
      `A comparison needs it beside results.json; run the evaluation with ${knob('outputDir')} again to have it ` +
        'written.',
    )
  ).split('\n');
  const prompts = lines.flatMap((line, i) =>
    line.trim() === ''
      ? []
      : [parse(PROMPT, line, `${promptsFile}:${i + 1}`, "it is not a row of an evaluation's prompts")],
  );
  const { overall, formula, meta } = results;
  return {
    path,
    overall: overall ?? NaN,
    formula,
    benchmark: meta.benchmark,
    predictor: meta.predictor,
    date: meta.date,
    data: meta.data,
    prompts,
  };
}

async function read(path: string, remedy: string): Promise<string> {
  try {
    return await readFile(path, 'utf8');
  } catch (error) {
    const why = (error as NodeJS.ErrnoException).code === 'ENOENT' ? 'it does not exist' : (error as Error).message;
    throw new EvaluationError(`${path} cannot be read: ${why}. ${remedy}`, { cause: error });
  }
}

function parse<S extends z.ZodType>(schema: S, text: string, place: string, otherwise: string): z.output<S> {
  let value: unknown;
  try {
    value = JSON.parse(text);
  } catch (error) {
    throw new EvaluationError(`${place} is not valid JSON: ${(error as Error).message}.`, { cause: error });
  }
  const result = schema.safeParse(value);
  if (result.success) return result.data;
  const { path, message } = result.error.issues[0]!;
  throw new EvaluationError(`${place}: ${otherwise} (${path.join('.') || 'the whole'}: ${message}).`);
}
