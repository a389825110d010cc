// The inputs of the metrics (rewards, ranks, pairs, lengths; never a model) and their results.

/** One prompt with the rewards of its responses. All lists have one entry per response and share its order. */
export interface MetricPrompt {
  /** For error messages; absent: the prompt's index in the list. */
  id?: string;
  /** Converted to float32, as in the original. Must be finite. */
  rewards: ArrayLike<number>;
  /** 1 is best, equal ranks are ties; absent if the responses are not ranked. */
  ranks?: ArrayLike<number>;
  /** Annotated pairs [chosen, rejected], indices into `rewards`. Absent and empty differ: see `computeMetrics`. */
  pairs?: readonly (readonly [chosen: number, rejected: number])[];
  /** Metrics are also given per category if every prompt has one. */
  category?: string;
  /** Length of each response, in the unit that `MetricInput.lengthUnit` names. */
  lengths?: ArrayLike<number>;
  /**
   * Rewards that a later row of the same response replaced: the original still counts them in reward_mean and
   * reward_std.
   */
  replacedRewards?: readonly number[];
  /**
   * A judge's verdicts on pairs of these responses; may be empty. If any prompt of the input has this, all need it;
   * then `rewards` are not measured, and the pairs are those of the comparisons (see judged.ts).
   */
  comparisons?: readonly Comparison[];
}

/** One answer of a judge about two responses, as they were shown to it. Indices into the prompt's responses. */
export interface Judgement {
  /** Shown first, as A. */
  first: number;
  second: number;
  verdict: 'A' | 'B' | 'tie' | 'unparsable';
  /** Letter-logit judging: the probability of A against B; the verdict is the more likely one. */
  probability?: number;
  /** How the answer ended; `length`: cut off at the token limit. */
  finish?: 'stop' | 'length' | 'filtered' | 'too_long' | 'other';
  /** The answer's text. */
  answer?: string;
  /** If there is no answer: the reason that was given, such as a refusal. */
  said?: string;
}

/** A pair whose order is known, with a judge's judgements on it: one, or one in each order. */
export interface Comparison {
  chosen: number;
  rejected: number;
  judgements: Judgement[];
}

/** Statistics of a judge over all its judgements. Formulas: `JUDGE_FORMULAS`. NaN: not defined on these data. */
export interface JudgeStatistics {
  pairs: number;
  judgements: number;
  unparsable: number;
  unparsable_share: number;
  unparsable_because: { no_verdict: number; cut_off: number; filtered: number; too_long: number };
  tie_share: number;
  judgement_accuracy: number;
  /** These three are absent if no pair was judged in both orders. */
  both_right_share?: number;
  consistency?: number;
  agreement?: number;
  first_share: number;
  accuracy_chosen_first: number;
  accuracy_chosen_second: number;
  position_bias: number;
}

/** How confidence intervals are computed. */
export interface BootstrapOptions {
  /** 2000 by default; 0 leaves the intervals out. */
  resamples?: number;
  /** 0 by default. The same seed gives the same intervals. */
  seed?: number;
  /** 0.95 by default. */
  level?: number;
}

/** What metrics are computed from. */
export interface MetricInput {
  /** The prompts with the rewards of their responses. */
  prompts: readonly MetricPrompt[];
  /**
   * The order of the categories in the output; by default that of their first prompt. Categories named here that no
   * prompt has are left out (the original's category numbers are shared by all files of an evaluation).
   */
  categories?: readonly string[];
  /** What `lengths` count; 'characters' by default. */
  lengthUnit?: LengthUnit;
  /** The resampling for the intervals. */
  bootstrap?: BootstrapOptions;
  /**
   * What to do with a group (the whole, or a category) that has no annotated pair although others have: `nan` gives NaN
   * and a note, `error` throws as the original does.
   */
  missingPairs?: 'nan' | 'error';
}

/** The unit of a response's length. */
export type LengthUnit = 'characters' | 'tokens';

/** The reference order of a metric: the ranks, or the annotated pairs. */
export type Basis = 'rank' | 'labels';

/** A confidence interval of the bootstrap. */
export interface Interval {
  low: number;
  high: number;
  /** Resamples in which the statistic was defined. */
  resamples: number;
}

/** How much data a group's figures are based on. */
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
  /** NaN if there is no pair. */
  accuracy: number;
}

/** Accuracy by how much longer the better response is. */
export interface LengthReport {
  unit: LengthUnit;
  /** The pairs that are binned: rank pairs if there are any. */
  basis: Basis;
  bins: LengthBin[];
}

/** The metrics of a set of prompts, overall and by category. */
export interface MetricReport {
  /** The original's metrics, under their original names and in their order. */
  cheems: Record<string, number>;
  /** This package's own metrics; `<name>-<category>`, then `<name>` as the mean over categories, as above. */
  extras: Record<string, number>;
  /** Intervals of the fractions in `cheems` and `extras`, by the same names. */
  intervals: Record<string, Interval>;
  counts: GroupCounts & { byCategory: Record<string, GroupCounts> };
  /** Empty unless every prompt has a category. */
  categories: string[];
  /** Absent if lengths are not known or no pair exists. */
  length?: LengthReport;
  /** Present if a judge compared pairs. */
  judge?: JudgeStatistics;
  /** The basis of the headline figures: ranks if any prompt has them, else annotated pairs, else none. */
  basis: Basis | 'none';
  /** Sentences about what was left out or replaced. */
  notes: string[];
}
