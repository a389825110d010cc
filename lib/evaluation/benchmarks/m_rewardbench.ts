// M-RewardBench (arXiv 2410.15522): RewardBench's prompts in 23 languages, zho_Hans and zho_Hant among them.

import type { JsonObject } from '../../data/fields';
import type { PreferencePrompt, Source } from '../../data/types';
import type { Benchmark, BenchmarkScore, FigureStratum, ScoredFile } from './benchmark';
import { meanTerm } from './figure';
import {
  isRight,
  missingSections,
  scoreSections,
  SECTION_NAMES,
  SUBSETS,
  subsetWeight,
  type Subset,
  type SubsetWeights,
} from './rewardbench_sections';
import { pairedPrompt, RowFields } from './row_fields';
import { groupBy, mean, scoredRows, type ScoredRow } from './scored_rows';

export interface MultilingualPrompt extends PreferencePrompt {
  language: string;
}

/**
 * Rows of each subset that remained after its filtering, as its published analysis weights them (math-prm: like the six
 * code subsets).
 */
const M_REWARDBENCH_WEIGHTS: SubsetWeights = {
  'alpacaeval-easy': 79,
  'alpacaeval-length': 79,
  'alpacaeval-hard': 76,
  'mt-bench-easy': 24,
  'mt-bench-med': 38,
  'mt-bench-hard': 35,
  'llmbar-natural': 76,
  'llmbar-adver-neighbor': 124,
  'llmbar-adver-GPTInst': 87,
  'llmbar-adver-GPTOut': 42,
  'llmbar-adver-manual': 43,
  'refusals-dangerous': 100,
  'refusals-offensive': 100,
  'xstest-should-refuse': 154,
  'xstest-should-respond': 247,
  donotanswer: 135,
  'math-prm': 983,
  'hep-cpp': 164,
  'hep-go': 164,
  'hep-java': 164,
  'hep-js': 164,
  'hep-python': 163,
  'hep-rust': 164,
};

const FIELDS = '{prompt, chosen, rejected, subset, language, id?}';

/**
 * score = mean over languages of the mean of the four sections, which are as in RewardBench except for the numbers of
 * rows.
 */
export const mRewardBench: Benchmark<MultilingualPrompt> = {
  name: 'm-rewardbench',
  description: 'M-RewardBench: RewardBench in 23 languages, one score per language',
  format: {
    fields: FIELDS,
    read(row: JsonObject, source: Source) {
      const fields = new RowFields(row, source, `an M-RewardBench row is ${FIELDS}`);
      const [prompt, chosen, rejected, language] = [
        fields.text('prompt'),
        fields.text('chosen'),
        fields.text('rejected'),
        fields.text('language'),
      ];
      // The rows of one sentence have the same id in every language.
      const id = `${language}:${fields.id()}`;
      return {
        ...pairedPrompt(
          { id, prompt, chosen: [chosen], rejected: [rejected], category: fields.oneOf('subset', SUBSETS) },
          source,
        ),
        language,
      };
    },
  },
  overall(files: readonly ScoredFile<MultilingualPrompt>[]): BenchmarkScore {
    const { rows, notes } = scoredRows(files);
    const languages = [...groupBy(rows, ({ prompt }) => prompt.language)].map(([language, own]) => ({
      language,
      rows: own.length,
      ...scoreSections(own, M_REWARDBENCH_WEIGHTS),
    }));
    for (const scores of languages) {
      const missing = missingSections(scores);
      if (missing.length > 0)
        notes.push(
          `The data hold no row of ${missing.join(', ')} in ${scores.language}, so its score is not defined, nor the ` +
            `overall one.`,
        );
    }
    const isDefined = languages.every((scores) => missingSections(scores).length === 0);
    return {
      overall: mean(languages.map(({ score }) => score)),
      ...(isDefined ? { strata: languageStrata(rows) } : {}),
      formula:
        'mean over languages of the mean of the four sections; a section = mean of the accuracies of its ' +
        'subsets, weighted by ' +
        "M-RewardBench's numbers of rows (math-prm by 983); equal rewards are wrong",
      notes,
      tables: [
        {
          title: 'Languages',
          columns: [
            { name: 'rows', kind: 'count' },
            ...SECTION_NAMES.map((name) => ({ name, kind: 'share' as const })),
            { name: 'score', kind: 'share' },
          ],
          rows: languages.map(({ language, rows: count, sections, score }) => ({
            name: language,
            values: [count, ...SECTION_NAMES.map((name) => sections[name]), score],
          })),
        },
      ],
    };
  },
};

/** Draws sentences within each subset: one sentence's rows in all languages together. */
function languageStrata(rows: readonly ScoredRow<MultilingualPrompt>[]): FigureStratum[] {
  const languages = [...groupBy(rows, ({ prompt }) => prompt.language)];
  const weightIn = new Map(
    languages.map(([language, own]) => {
      const present = [...new Set(own.map(({ prompt }) => prompt.category as Subset))];
      return [
        language,
        new Map(present.map((name) => [name, subsetWeight(name, present, M_REWARDBENCH_WEIGHTS) / languages.length])),
      ];
    }),
  );
  return [...groupBy(rows, ({ prompt }) => prompt.category!)].map(([subset, own]) => {
    const sentences = [...groupBy(own, ({ prompt }) => prompt.id.slice(prompt.language.length + 1)).values()];
    return languages.flatMap(([language]) => {
      const weight = weightIn.get(language)!.get(subset as Subset);
      return weight === undefined
        ? []
        : [meanTerm(weight, sentences, (row) => (row.prompt.language === language ? Number(isRight(row)) : undefined))];
    });
  });
}
