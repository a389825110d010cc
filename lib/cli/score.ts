// `cheems-native score`: rows in, rewards out, as a stream.

import type { RunFacts } from '../continuing/run_record';
import { formatReport } from '../data/report';
import type { RewardModel } from '../scoring/reward_model';
import { scoreStream, type ScoreStreamProgress } from '../scoring/stream';
import { flag, requiredText } from '../options/kinds';
import { counted } from '../text/counted';
import { defineCommand } from './command';
import { UsageError } from './failure';
import { CONVERSATION_FORMS, INPUT_FORMS, openInput, refuseOneFile } from './input';
import { withInterrupts } from './interrupt';
import { MODEL_FORMS, MODEL_NAME } from '../options/model';
import { modelFolder } from './named_model';
import type { OptionValues } from './options';
import { openOutput } from './output';
import { showProgress } from './progress';
import { runFacts, valuesOf } from './run_facts';
import { say } from './terminal';
import { loadScoringModel } from './scoring_model';
import { scoringResources, scoringSamples, scoringWeights } from '../options/scoring';

const FILES = 'Files';
const options = {
  model_path: requiredText({ group: FILES, otherName: MODEL_NAME, describe: `trained reward model: ${MODEL_FORMS}` }),
  input: requiredText({ group: FILES, describe: INPUT_FORMS }),
  output: requiredText({ group: FILES, describe: 'JSONL file, or - for standard output' }),
  overwrite: flag(false, {
    group: FILES,
    describe:
      'replace an existing output file; otherwise its rows are kept, if they are from the same model and options',
  }),
  ...scoringWeights,
  ...scoringSamples,
  ...scoringResources,
};

const NOTES = `A row {"id", "prompt" or "messages", "response"} gives {"id", "reward", "tokens", "truncated"}; a row with "responses": [...] gives lists: "rewards", "tokens", "truncated". A row {"id", "messages"} whose last message is the assistant's is scored as it is. A row {"id", "input_ids"} is the whole sample, tokenized; then no tokenizer is needed. If a row has no id, its line number is used. A process reward model gives "rewards", one for each step, instead of "reward" (lists of lists for "responses"), unless --step_reward combines them.

${CONVERSATION_FORMS}

The order of the rows is kept and memory is bounded. The same command continues a run that was stopped. The file OUTPUT.run, beside the output, records model, options and rows; if one of them has changed, the command refuses to continue. The first bad row stops the run with an error that names its line; the rows before it are written.`;

export const scoreCommand = defineCommand({
  name: 'score',
  options,
  examples: [
    ['score --model_path runs/rm --input answers.jsonl --output rewards.jsonl', 'a file'],
    ['score --model_path runs/rm --input - --output - < answers.jsonl | sort', 'in a pipe'],
  ],
  notes: NOTES,
  run: (values) =>
    withInterrupts(
      'Stopping; the rows written so far are kept, and the same command continues from there.',
      async (signal) => {
        refuseOneFile(values.input, values.output);
        if (values.truncation && values.max_length === undefined)
          throw new UsageError('--truncation needs --max_length: the length to cut to.');
        const rows = openInput(values.input, signal);
        const output = await openOutput(values.output, { name: 'scores', fields: ['reward', 'rewards'] });
        let model: RewardModel | undefined;
        const progress = showProgress({ label: 'score', unit: 'rows', live: values.output !== '-' });
        try {
          const scorer = (model = await loadScoringModel(await modelFolder(values.model_path, signal), values, signal));
          await output.begin(() => factsOf(scorer, values), values.overwrite);
          const began = performance.now();
          const counts = await scoreStream({
            rows,
            name: values.input === '-' ? 'standard input' : values.input,
            scorer: {
              tokenize: (row) => scorer.tokenize(row),
              score: (groups, stop) => scorer.scoreGroups(groups, stop),
              stepsOf: scorer.rewardsSteps ? (sample) => scorer.rewardCount(sample) : undefined,
            },
            output,
            report: scorer.readingReport,
            batchTokens: 2 * scorer.microBatchTokens,
            signal,
            onProgress: (counts) => progress.update(counts.rows, rates(counts, began)),
          });
          progress.finish();
          await output.finish();
          report(counts);
          for (const line of [...formatReport(scorer.readingReport), ...scorer.engineNotes]) say(line);
        } finally {
          progress.finish();
          if (values.input === '-') process.stdin.destroy();
          await output.close();
          await model?.dispose();
        }
      },
    ),
});

function rates({ tokens, skippedRows }: ScoreStreamProgress, began: number): Record<string, string> {
  const seconds = (performance.now() - began) / 1000;
  return {
    tokens: String(tokens),
    'tokens/s': (tokens / Math.max(seconds, 1e-3)).toFixed(0),
    ...(skippedRows > 0 ? { skipped: String(skippedRows) } : {}),
  };
}

function report(counts: ScoreStreamProgress): void {
  const parts = [
    `${counted(counts.rows, 'row')} scored (${counted(counts.samples, 'response')}, ` +
      `${counted(counts.tokens, 'token')})`,
  ];
  if (counts.truncated > 0) parts.push(`${counted(counts.truncated, 'response')} cut from the left`);
  if (counts.skippedRows > 0) parts.push(`${counted(counts.skippedRows, 'row')} already there`);
  say(`${parts.join('; ')}.`);
}

/** What a reward depends on. */
function factsOf(model: RewardModel, values: OptionValues<typeof options>): Promise<RunFacts> {
  const { do_strip, compat, head, special_tokens_in_text } = model.describe();
  return runFacts(
    'score',
    model,
    { ...valuesOf(values, scoringWeights), ...valuesOf(values, scoringSamples) },
    { do_strip, compat, special_tokens_in_text, reward_head: head },
  );
}
