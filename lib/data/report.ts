import { placeOf } from './errors';
import type { DatasetReport, ReportEntry, Source } from './types';

/** Every kind of thing that reading, tokenising and planning count, with the sentence that tells it. */
export const REPORT_KINDS = {
  blankLines: 'blank lines were skipped',
  mergedRows: 'rows were merged into a prompt met before',
  repeatedResponses: 'responses came again with the same id and the same text, and count once',
  overwrittenResponses: 'responses came again with the same id and another text: the last text counts',
  sameTextResponses: 'responses have the text of another response to the same prompt under another id',
  overwrittenSystemPrompts: 'system prompts were replaced by that of a later line of the same prompt',
  overwrittenCategories: 'categories were replaced by that of a later line of the same prompt',
  unreadKeys: 'rows hold keys that are not read',
  unreadByTemplate: 'samples hold keys that the chat template does not read',
  specialTokensInText: 'samples hold special tokens within their texts, which are read as if the chat template had written them; --special_tokens_in_text escape or refuse changes that',
  escapedSpecialTokens: 'samples hold special tokens within their texts, which are tokenized as plain text',
  rowsWithoutPrompt: 'rows have no prompt: their responses stand alone',
  repeatedIds: "prompts carry another prompt's id",
  repeatedAnnotations: 'annotations repeat a pair already annotated the same way, and count once',
  selfPairs: 'annotations compare a response with itself and were dropped',
  identicalPairs: 'annotated pairs have the same text on both sides and were dropped',
  ties: 'pairs are annotated as equal and are not trained on',
  conflictsDropped: 'pairs are annotated both ways equally often and were dropped in both directions',
  conflictsByMajority: 'pairs are annotated both ways and go with the majority',
  differentRankings: 'prompts have several different rankings: each gives training pairs, none gives ranks for evaluation',
  incompleteRanks: 'prompts have a rank for only some of their responses: it gives training pairs, not ranks for evaluation',
  promptsWithoutCategory: 'prompts have no category although others have one',
  promptsWithoutPair: 'prompts have no pair to train on',
  responsesInNoPair: 'responses are in no pair',
  tooLongResponses: 'responses are longer than the maximum length and were dropped',
  pairsOfTooLong: 'pairs were dropped because a side was too long',
  truncatedResponses: 'responses were cut on the left to the maximum length',
  droppedResponses: 'responses in no pair were dropped',
  droppedPrompts: 'prompts without a pair were dropped',
  emptiedPrompts: 'prompts have no response (left) and were dropped',
  doubledBos: 'samples begin with two BOS tokens, one of the chat template and one of the tokenizer, as in the original',
  slowTexts: 'texts have a million equal characters in a row, which the tokenizer takes seconds for',
  oversizedPrompts: 'prompts have more responses than a global batch and get a batch of their own',
} as const;

export type ReportKind = keyof typeof REPORT_KINDS;

/** What happens while rows are read and tokenized is noted here. */
export type ReadingReport = Pick<DatasetReport, 'entries'>;

export function emptyReport(): DatasetReport {
  return { files: [], entries: new Map() };
}

/** Counts `count` things of a kind; the first place stays, and each name once. */
export function note(report: { entries: Map<string, ReportEntry> }, kind: ReportKind, source: Source, count = 1, names: readonly string[] = []): void {
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
    if (entry) lines.push(`${entry.count} ${sentence}${namesIn(entry)} (first: ${placeOf(entry.first)})`);
  }
  return lines;
}

function namesIn({ names = [] }: ReportEntry): string {
  if (names.length === 0) return '';
  const more = names.length > MOST_NAMES ? ` and ${names.length - MOST_NAMES} more` : '';
  return `: ${names.slice(0, MOST_NAMES).join(', ')}${more}`;
}
