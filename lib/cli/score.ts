// `cheems-native score`: rows in, rewards out, as a stream.

import { formatReport } from '../data/report';
import { scoreStream, type ScoreStreamProgress } from '../scoring/stream';
import { flag } from '../arguments/option_kinds';
import { counted } from '../text/counted';
import { defineCommand } from './command';
import { UsageError } from './failure';
import { CONVERSATION_FORMS, INPUT_FORMS, openInput, refuseOneFile } from './input';
import { withInterrupts } from './interrupt';
import { MODEL_FORMS, MODEL_NAME, modelFolder } from './model_folder';
import { requiredText } from './options';
import { checkOutput, openScoreOutput } from './output';
import { showProgress } from './progress';
import { say } from './terminal';
import { loadScoringModel, scoringResources, scoringSamples, scoringWeights } from './scoring_model';

const FILES = 'Files';
const options = {
  model_path: requiredText({ group: FILES, otherName: MODEL_NAME, describe: `trained reward model: ${MODEL_FORMS}` }),
  input: requiredText({ group: FILES, describe: INPUT_FORMS }),
  output: requiredText({ group: FILES, describe: 'JSONL file, or - for standard output' }),
  overwrite: flag(false, { group: FILES, describe: 'replace an output file that exists; otherwise the rows in it are kept and skipped' }),
  ...scoringWeights,
  ...scoringSamples,
  ...scoringResources,
};

const NOTES = `A row {"id", "prompt" or "messages", "response"} gives {"id", "reward", "tokens", "truncated"}; a row with "responses": [...] gives lists: "rewards", "tokens", "truncated". A row {"id", "messages"} whose last message is the assistant's is scored as it stands. A row {"id", "input_ids"} is the whole sample, tokenised; then no tokenizer is needed. Where no row has an id, its line number is the id. A process reward model gives "rewards", one for each step, in place of "reward" (lists of lists for "responses"), unless --step_reward makes them one.

${CONVERSATION_FORMS}

Order is kept and memory is bounded. A run that was stopped is continued by the same command. The first bad row stops the work with its line; the rows before it are written.`;

export const scoreCommand = defineCommand({
  name: 'score',
  options,
  examples: [
    ['score --model_path runs/rm --input answers.jsonl --output rewards.jsonl', 'a file'],
    ['score --model_path runs/rm --input - --output - < answers.jsonl | sort', 'in a pipe'],
  ],
  notes: NOTES,
  run: (values) =>
    withInterrupts('Stopping; the rows written so far stay, and the same command goes on from there.', async (signal) => {
      refuseOneFile(values.input, values.output);
      if (values.truncation && values.max_length === undefined) throw new UsageError('--truncation needs --max_length: the length to cut to.');
      await checkOutput(values.output);
      const rows = openInput(values.input, signal);
      const model = await loadScoringModel(await modelFolder(values.model_path, signal), values, signal);
      const output = await openScoreOutput(values.output, values.overwrite);
      const progress = showProgress({ label: 'score', unit: 'rows' });
      const began = performance.now();
      try {
        if (output.found !== undefined) say(output.found);
        const counts = await scoreStream({
          rows,
          name: values.input === '-' ? 'standard input' : values.input,
          scorer: {
            tokenize: (row) => model.tokenize(row),
            score: (groups, stop) => model.scoreGroups(groups, stop),
            stepsOf: model.rewardsSteps ? (sample) => model.rewardCount(sample) : undefined,
          },
          written: output.written,
          report: model.readingReport,
          write: (lines) => output.write(lines),
          batchTokens: 2 * values.micro_batch_tokens,
          signal,
          onProgress: (counts) => progress.update(counts.rows, rates(counts, began)),
        });
        progress.finish();
        await report(counts, output.written.unmatched(), values.output);
        for (const line of formatReport(model.readingReport)) say(line);
      } finally {
        progress.finish();
        if (values.input === '-') process.stdin.destroy();
        await output.close();
        await model.dispose();
      }
    }),
});

function rates({ tokens, skippedRows }: ScoreStreamProgress, began: number): Record<string, string> {
  const seconds = (performance.now() - began) / 1000;
  return {
    tokens: String(tokens),
    'tokens/s': (tokens / Math.max(seconds, 1e-3)).toFixed(0),
    ...(skippedRows > 0 ? { skipped: String(skippedRows) } : {}),
  };
}

async function report(counts: ScoreStreamProgress, unmatched: Promise<number>, output: string): Promise<void> {
  const parts = [`${counted(counts.rows, 'row')} scored (${counted(counts.samples, 'response')}, ${counted(counts.tokens, 'token')})`];
  if (counts.truncated > 0) parts.push(`${counted(counts.truncated, 'response')} cut from the left`);
  if (counts.skippedRows > 0) parts.push(`${counted(counts.skippedRows, 'row')} there already`);
  say(`${parts.join('; ')}.`);
  const strangers = await unmatched;
  if (strangers > 0) say(`Warning: ${counted(strangers, 'row')} of ${output} ${strangers === 1 ? 'answers' : 'answer'} to no row of the input.`);
}
