import { placeOf } from './errors';
import type { DatasetReport, ReportEntry, Source } from './types';
import { knob } from '../text/knobs';

/**
 * Every kind of thing that reading, tokenizing and planning count, with the sentence that tells it: `{of one|of many}`.
 */
const REPORT_KINDS = {
  blankLines: 'blank line{|s} {was|were} skipped',
  mergedRows: 'row{|s} {was|were} merged into a prompt met before',
  repeatedResponses: 'response{|s} came again with the same id and the same text, and {counts|count} once',
  overwrittenResponses: 'response{|s} came again with the same id and another text: the last text counts',
  sameTextResponses: 'response{|s} {has|have} the text of another response to the same prompt under another id',
  overwrittenSystemPrompts: 'system prompt{|s} {was|were} replaced by that of a later line of the same prompt',
  overwrittenCategories: '{category|categories} {was|were} replaced by that of a later line of the same prompt',
  unreadKeys: 'row{|s} {holds|hold} keys that are not read',
  unreadByTemplate: 'sample{|s} {holds|hold} keys that the chat template does not read',
  specialTokensInText:
    'sample{|s} {holds|hold} special tokens within {its|their} texts, which are read as if the chat template had ' +
    `written them; ${knob('specialTokensInText', 'escape')} or refuse changes that`,
  escapedSpecialTokens:
    'sample{|s} {holds|hold} special tokens within {its|their} texts, which are tokenized as plain text',
  rowsWithoutPrompt: 'row{|s} {has|have} no prompt: {its|their} responses stand alone',
  repeatedIds: "prompt{|s} {carries|carry} another prompt's id",
  repeatedAnnotations: 'annotation{|s} {repeats|repeat} a pair already annotated the same way, and {counts|count} once',
  selfPairs: 'annotation{|s} {compares|compare} a response with itself and {was|were} dropped',
  identicalPairs: 'annotated pair{|s} {has|have} the same text on both sides and {was|were} dropped',
  ties: 'pair{|s} {is|are} annotated as equal and {is|are} not trained on',
  conflictsDropped: 'pair{|s} {is|are} annotated both ways equally often and {was|were} dropped in both directions',
  conflictsByMajority: 'pair{|s} {is|are} annotated both ways and {goes|go} with the majority',
  differentRankings:
    'prompt{|s} {has|have} several different rankings: each gives training pairs, none gives ranks for evaluation',
  incompleteRanks:
    'prompt{|s} {has|have} a rank for only some of {its|their} responses: it gives training pairs, not ranks ' +
    'for evaluation',
  promptsWithoutCategory: 'prompt{|s} {has|have} no category although others have one',
  promptsWithoutPair: 'prompt{|s} {has|have} no pair to train on',
  responsesInNoPair: 'response{|s} {is|are} in no pair',
  tooLongResponses: 'response{|s} {is|are} longer than the maximum length and {was|were} dropped',
  pairsOfTooLong: 'pair{|s} {was|were} dropped because a side was too long',
  truncatedResponses: 'response{|s} {was|were} cut on the left to the maximum length',
  droppedResponses: 'response{|s} in no pair {was|were} dropped',
  droppedPrompts: 'prompt{|s} without a pair {was|were} dropped',
  emptiedPrompts: 'prompt{|s} {has|have} no response (left) and {was|were} dropped',
  doubledBos:
    'sample{|s} {begins|begin} with two BOS tokens, one of the chat template and one of the tokenizer, as in ' +
    'the original',
  slowTexts: 'text{|s} {has|have} a million equal characters in a row, which the tokenizer takes seconds for',
  oversizedPrompts:
    'prompt{|s} {has|have} more responses than a global batch and {gets|get} a batch of {its|their} own',
} as const;

export type ReportKind = keyof typeof REPORT_KINDS;

/** What happens while rows are read and tokenized is noted here. */
export type ReadingReport = Pick<DatasetReport, 'entries'>;

export function emptyReport(): DatasetReport {
  return { files: [], entries: new Map() };
}

/** Counts `count` things of a kind; the first place stays, and each name once. */
export function note(
  report: { entries: Map<string, ReportEntry> },
  kind: ReportKind,
  source: Source,
  count = 1,
  names: readonly string[] = [],
): void {
  let entry = report.entries.get(kind);
  if (entry) entry.count += count;
  else report.entries.set(kind, (entry = { count, first: { file: source.file, line: source.line } }));
  for (const name of names) {
    if (entry.names?.includes(name)) continue;
    (entry.names ??= []).push(name);
  }
}

export function countOf(report: { entries: Map<string, ReportEntry> }, kind: ReportKind): number {
  return report.entries.get(kind)?.count ?? 0;
}

const MOST_NAMES = 20;

/** One sentence an entry, in the order of `REPORT_KINDS`: "3 blank lines were skipped (first: a.jsonl:4)". */
export function formatReport(report: { entries: Map<string, ReportEntry> }): string[] {
  const lines: string[] = [];
  for (const [kind, sentence] of Object.entries(REPORT_KINDS)) {
    const entry = report.entries.get(kind);
    if (entry)
      lines.push(`${entry.count} ${inNumber(sentence, entry.count)}${namesIn(entry)} (first: ${placeOf(entry.first)})`);
  }
  return lines;
}

/** The sentence as it is of so many: the first or the second of each `{one|many}`. */
function inNumber(sentence: string, count: number): string {
  return sentence.replace(/\{([^|}]*)\|([^}]*)\}/g, (_, one: string, many: string) => (count === 1 ? one : many));
}

function namesIn({ names = [] }: ReportEntry): string {
  if (names.length === 0) return '';
  const more = names.length > MOST_NAMES ? ` and ${names.length - MOST_NAMES} more` : '';
  return `: ${names.slice(0, MOST_NAMES).join(', ')}${more}`;
}
