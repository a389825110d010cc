// What the metrics are computed from (rewards, ranks, pairs, lengths: never a model), and what comes out.

/** One prompt with the rewards of its responses. All lists have one entry per response and share its order. */
export interface MetricPrompt {
  /** For error messages; absent: the prompt's place in the list. */
  id?: string;
  /** Taken as float32, as the original's are. Must be finite. */
  rewards: ArrayLike<number>;
  /** 1 is best, equal ranks are ties; absent where the responses are not ranked. */
  ranks?: ArrayLike<number>;
  /** Annotated pairs [chosen, rejected], indices into `rewards`. Absent and empty differ: see `computeMetrics`. */
  pairs?: readonly (readonly [chosen: number, rejected: number])[];
  /** Metrics are also given per category, where every prompt has one. */
  category?: string;
  /** Length of each response, in the unit that `MetricInput.lengthUnit` names. */
  lengths?: ArrayLike<number>;
  /**
   * Rewards that a later row of the same response replaced: the original still counts them in reward_mean and
   * reward_std.
   */
  replacedRewards?: readonly number[];
  /**
   * What a judge said about pairs of these responses, possibly nothing. Where any prompt of the input has this, all
   * need it, `rewards` are not measured, and the pairs are the comparisons' (see judged.ts).
   */
  comparisons?: readonly Comparison[];
}

/** One answer of a judge about two responses, as they were shown to it. Indices into the prompt's responses. */
export interface Judgement {
  /** Shown first, as A. */
  first: number;
  second: number;
  verdict: 'A' | 'B' | 'tie' | 'unparsable';
  /** Letter-logit judging: the probability of A against B; the verdict is the likelier one. */
  probability?: number;
  /** How the answer ended; `length`: cut off at the token limit. */
  finish?: 'stop' | 'length' | 'filtered' | 'too_long' | 'other';
  /** The answer's text. */
  answer?: string;
  /** What was said where there is no answer: why it was refused. */
  said?: string;
}

/** A pair whose order is known, with what a judge said about it: one judgement, or two in either order. */
export interface Comparison {
  chosen: number;
  rejected: number;
  judgements: Judgement[];
}

/** How a judge behaves, over all its judgements. Formulas: `JUDGE_FORMULAS`. NaN: not defined on these data. */
export interface JudgeStatistics {
  pairs: number;
  judgements: number;
  unparsable: number;
  unparsable_share: number;
  unparsable_because: { no_verdict: number; cut_off: number; filtered: number; too_long: number };
  tie_share: number;
  judgement_accuracy: number;
  /** The three are absent where no pair was judged in both orders. */
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
   * What to do with a group (the whole, or a category) that has no annotated pair while others have: `nan` gives NaN
   * and a note, `error` throws as the original does.
   */
  missingPairs?: 'nan' | 'error';
}

/** What the length of a response is counted in. */
export type LengthUnit = 'characters' | 'tokens';

/** Which order of the responses a metric is measured against: the ranks, or the annotated pairs. */
export type Basis = 'rank' | 'labels';

/** A confidence interval of the bootstrap. */
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

/** Accuracy by how much longer the better response is. */
export interface LengthReport {
  unit: LengthUnit;
  /** The pairs that the bins are made of: rank pairs where there are any. */
  basis: Basis;
  bins: LengthBin[];
}

/** The metrics of a set of prompts, overall and by category. */
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
  /** Present where a judge compared pairs. */
  judge?: JudgeStatistics;
  /** What the headline figures rest on: ranks where any prompt has them, else annotated pairs, else nothing. */
  basis: Basis | 'none';
  /** Sentences about what was left out or fell back. */
  notes: string[];
}
