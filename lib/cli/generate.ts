// `cheems-native generate`: prompts in, texts out, as a stream.

import { formatReport } from '../data/report';
import { checkSampling } from '../generation';
import { generateStream, type GenerationCounts } from '../generation/stream';
import { flag } from '../arguments/option_kinds';
import { promptTable, samplingTable } from '../generation/option_table';
import { counted } from '../text/counted';
import { defineCommand } from './command';
import { CONVERSATION_FORMS, INPUT_FORMS, openInput, refuseOneFile } from './input';
import { withInterrupts } from './interrupt';
import { generationResources, languageModelOptions, loadLanguageModel } from './language_model';
import { MODEL_FORMS, MODEL_NAME } from './model_folder';
import { requiredText } from './options';
import { checkOutput, openScoreOutput } from './output';
import { showProgress } from './progress';
import { say } from './terminal';
import { scoringResources } from './scoring_model';

const FILES = 'Files';
const options = {
  model_path: requiredText({ group: FILES, otherName: MODEL_NAME, describe: `language model: ${MODEL_FORMS}` }),
  input: requiredText({ group: FILES, describe: INPUT_FORMS }),
  output: requiredText({ group: FILES, describe: 'JSONL file, or - for standard output' }),
  overwrite: flag(false, { group: FILES, describe: 'replace an output file that exists; otherwise the rows in it are kept and skipped' }),
  ...samplingTable,
  ...promptTable,
  ...scoringResources,
  ...generationResources,
};

const NOTES = `A row {"id", "prompt" or "messages"} gives {"id", "text", "finish", "prompt_tokens", "tokens"}, with "reasoning" where the model thought first. "finish" is stop, length (cut at --max_tokens) or too_long (prompt and --max_tokens exceed the model's positions: no text). Where no row has an id, its line number is the id.

${CONVERSATION_FORMS}

Of generation_config.json only the stop tokens count; temperature and the like are what is given here. Order is kept and memory is bounded. A run that was stopped is continued by the same command, with the same draws.`;

export const generateCommand = defineCommand({
  name: 'generate',
  options,
  examples: [
    ['generate --model_path Qwen/Qwen2.5-0.5B-Instruct --input prompts.jsonl --output answers.jsonl', 'a file'],
    ['generate --model_path models/base --raw --temperature 0.8 --input - --output - < texts.jsonl', 'texts continued, in a pipe'],
  ],
  notes: NOTES,
  run: (values) =>
    withInterrupts('Stopping; the rows written so far stay, and the same command goes on from there.', async (signal) => {
      refuseOneFile(values.input, values.output);
      await checkOutput(values.output);
      const rows = openInput(values.input, signal);
      const { max_tokens: maxTokens, temperature, top_p: topP, top_k: topK, seed, stop } = values;
      const model = await loadLanguageModel(
        values.model_path,
        { ...languageModelOptions(values), templateOptions: values.template_options, specialTokensInText: values.special_tokens_in_text },
        signal,
      );
      const output = await openScoreOutput(values.output, values.overwrite, { name: 'answers', fields: ['text'] });
      const progress = showProgress({ label: 'generate', unit: 'rows' });
      const began = performance.now();
      try {
        if (output.found !== undefined) say(output.found);
        const counts = await generateStream({
          rows,
          name: values.input === '-' ? 'standard input' : values.input,
          model,
          sampling: checkSampling({ maxTokens, temperature, topP, topK, seed, stop }),
          raw: values.raw,
          written: output.written,
          report: model.readingReport,
          write: (lines) => output.write(lines),
          signal,
          onProgress: (now) => progress.update(now.rows, { 'tokens/s': (now.tokens / Math.max((performance.now() - began) / 1000, 1e-3)).toFixed(1) }),
        });
        progress.finish();
        report(counts, await output.written.unmatched(), values.output, model.positions);
        for (const line of formatReport(model.readingReport)) say(line);
      } finally {
        progress.finish();
        if (values.input === '-') process.stdin.destroy();
        await output.close();
        await model.dispose();
      }
    }),
});

function report({ rows, skippedRows, promptTokens, tokens, cut, tooLong }: GenerationCounts, strangers: number, output: string, positions: number): void {
  const parts = [`${counted(rows, 'row')} answered (${promptTokens} + ${counted(tokens, 'token')})`];
  if (cut > 0) parts.push(`${counted(cut, 'answer')} cut at --max_tokens`);
  if (tooLong > 0) parts.push(`${counted(tooLong, 'prompt')} not answered: with --max_tokens more than the model's ${positions} positions`);
  if (skippedRows > 0) parts.push(`${counted(skippedRows, 'row')} there already`);
  say(`${parts.join('; ')}.`);
  if (strangers > 0) say(`Warning: ${counted(strangers, 'row')} of ${output} ${strangers === 1 ? 'answers' : 'answer'} to no row of the input.`);
}
