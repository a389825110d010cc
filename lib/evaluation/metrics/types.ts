// What the metrics are computed from (rewards, ranks, pairs, lengths: never a model), and what comes out.

/** One prompt with the rewards of its responses. All lists have one entry a response and share its order. */
export interface MetricPrompt {
  /** For error messages; absent: the prompt's place in the list. */
  id?: string;
  /** Taken as float32, as the original's are. Must be finite. */
  rewards: ArrayLike<number>;
  /** 1 is best, equal ranks are ties; absent where the responses are not ranked. */
  ranks?: ArrayLike<number>;
  /** Annotated pairs [chosen, rejected], indices into `rewards`. Absent and empty differ: see `computeMetrics`. */
  pairs?: readonly (readonly [chosen: number, rejected: number])[];
  category?: string;
  /** Length of each response, in the unit that `MetricInput.lengthUnit` names. */
  lengths?: ArrayLike<number>;
  /** Rewards that a later row of the same response replaced: the original still counts them in reward_mean and reward_std. */
  replacedRewards?: readonly number[];
}

export interface BootstrapOptions {
  /** 2000 by default; 0 leaves the intervals out. */
  resamples?: number;
  /** 0 by default. The same seed gives the same intervals. */
  seed?: number;
  /** 0.95 by default. */
  level?: number;
}

export interface MetricInput {
  prompts: readonly MetricPrompt[];
  /**
   * The order of the categories in the output; by default that of their first prompt. Categories named here that no
   * prompt has are left out (the original's category numbers are shared by all files of an evaluation).
   */
  categories?: readonly string[];
  lengthUnit?: LengthUnit;
  bootstrap?: BootstrapOptions;
  /**
   * What to do with a group (the whole, or a category) that has no annotated pair while others have: `nan` gives NaN and
   * a note, `error` throws as the original does.
   */
  missingPairs?: 'nan' | 'error';
}

export type LengthUnit = 'characters' | 'tokens';

/** Which order of the responses a metric is measured against: the ranks, or the annotated pairs. */
export type Basis = 'rank' | 'labels';

export interface Interval {
  low: number;
  high: number;
  /** Resamples in which the statistic was defined. */
  resamples: number;
}

/** How much a group's figures rest on. */
export interface GroupCounts {
  prompts: number;
  responses: number;
  /** Prompts that have ranks. */
  rankedPrompts: number;
  /** Pairs of responses to one prompt whose ranks differ. */
  rankPairs: number;
  /** Prompts that have at least one annotated pair. */
  labelledPrompts: number;
  /** Distinct annotated pairs. */
  labelPairs: number;
}

/** Accuracy over the pairs whose length difference (chosen minus rejected) lies in [from, to). */
export interface LengthBin {
  from: number;
  to: number;
  pairs: number;
  /** NaN where there is no pair. */
  accuracy: number;
}

export interface LengthReport {
  unit: LengthUnit;
  /** The pairs that the bins are made of: rank pairs where there are any. */
  basis: Basis;
  bins: LengthBin[];
}

export interface MetricReport {
  /** The original's metrics under the original's names, in the original's order. */
  cheems: Record<string, number>;
  /** This package's own metrics; `<name>-<category>`, then `<name>` as the mean over categories, as above. */
  extras: Record<string, number>;
  /** Intervals of the shares in `cheems` and `extras`, by the same names. */
  intervals: Record<string, Interval>;
  counts: GroupCounts & { byCategory: Record<string, GroupCounts> };
  /** Empty where not every prompt has a category. */
  categories: string[];
  /** Absent where lengths are not known or no pair exists. */
  length?: LengthReport;
  /** What the headline figures rest on: ranks where any prompt has them, else annotated pairs, else nothing. */
  basis: Basis | 'none';
  /** Sentences about what was left out or fell back. */
  notes: string[];
}
