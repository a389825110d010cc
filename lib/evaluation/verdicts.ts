// Checks that a judge gave any verdict at all: without one, no figure is meaningful.

import type { Evaluation } from './evaluate';
import type { Judgement, JudgeStatistics } from './metrics/types';
import { JudgeError } from '../judging/errors';
import { REASONS, reasonsWithoutVerdict, type Reasons } from './verdict_reasons';
import { knob } from '../text/knobs';

/** @throws JudgeError if no judgement has a verdict: why, the judge's first answer, and what may help. */
export function requireVerdicts({ files, predictor }: Evaluation): void {
  const statistics = files.flatMap(({ report }) => (report.judge ? [report.judge] : []));
  const sum = (count: (one: JudgeStatistics) => number) => statistics.reduce((total, one) => total + count(one), 0);
  const judgements = sum((one) => one.judgements);
  if (judgements === 0) {
    throw new JudgeError(
      `There is nothing to judge: no prompt of ${files.map(({ name }) => name).join(', ')} has two responses ` +
        `of which one is known to be better.`,
    );
  }
  if (sum(({ unparsable }) => unparsable) < judgements) return;
  const because = Object.fromEntries(
    REASONS.map(([reason]) => [reason, sum((one) => one.unparsable_because[reason])]),
  ) as unknown as Reasons;
  const [main] = [...REASONS].sort(([a], [b]) => because[b] - because[a])[0]!;
  const { sampling, mode } = predictor.description as { sampling?: { maxTokens?: number }; mode?: string };
  const parts = [
    `The judge ${predictor.name} gave no verdict in any of ${judgements} judgements ` +
      `(${reasonsWithoutVerdict(because)}).`,
    quoteOf(
      files.flatMap(({ scores }) =>
        scores.flatMap(({ comparisons = [] }) => comparisons.flatMap((one) => one.judgements)),
      ),
    ),
    remedyFor(main, mode === 'logits', sampling?.maxTokens),
  ];
  throw new JudgeError(parts.filter((part) => part !== '').join(' '));
}

/** The text of the first judgement: its answer, or why there is none. */
function quoteOf(judgements: readonly Judgement[]): string {
  const found = judgements.find(({ said, answer }) => (said ?? answer ?? '') !== '');
  if (!found) return '';
  const words = (found.said ?? found.answer!).replaceAll(/\s+/g, ' ').trim();
  return `The first: "${words.length > 300 ? `${words.slice(0, 300)}…` : words}".`;
}

function remedyFor(reason: keyof Reasons, logits: boolean, maxTokens: number | undefined): string {
  const now = maxTokens === undefined || logits ? '' : `, now ${maxTokens}`;
  if (reason === 'cut_off') return `Raise ${knob('judgeMaxTokens')}${now}.`;
  if (reason === 'too_long')
    return logits
      ? 'Take a judge with a longer context.'
      : `Lower ${knob('judgeMaxTokens')}${now}, or take a judge with a longer context.`;
  if (reason === 'filtered') return 'Another judge may answer.';
  return logits
    ? `Its first token is none of the letters that ${knob('judgeTemplate')} asks for.`
    : `Check that ${knob('judgeTemplate')} and its parser fit this judge.`;
}
