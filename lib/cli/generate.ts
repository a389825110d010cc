// `cheems-native generate`: prompts in, texts out, as a stream.

import type { RunFacts } from '../continuing/run_record';
import { formatReport } from '../data/report';
import { checkSampling } from '../generation/options';
import type { LanguageModel } from '../generation/language_model';
import { generateStream, type GenerationCounts } from '../generation/stream';
import { flag, requiredText } from '../options/kinds';
import { generationResources, promptTable, samplingTable } from '../options/generation';
import { counted } from '../text/counted';
import { defineCommand } from './command';
import { CONVERSATION_FORMS, INPUT_FORMS, openInput, refuseOneFile } from './input';
import { withInterrupts } from './interrupt';
import { languageModelOptions, loadLanguageModel } from './language_model';
import { MODEL_FORMS, MODEL_NAME } from '../options/model';
import type { OptionValues } from './options';
import { openOutput } from './output';
import { showProgress } from './progress';
import { runFacts, valuesOf } from './run_facts';
import { say } from './terminal';
import { scoringResources } from '../options/scoring';

const FILES = 'Files';
const answers = { ...samplingTable, ...promptTable };

const options = {
  model_path: requiredText({ group: FILES, otherName: MODEL_NAME, describe: `language model: ${MODEL_FORMS}` }),
  input: requiredText({ group: FILES, describe: INPUT_FORMS }),
  output: requiredText({ group: FILES, describe: 'JSONL file, or - for standard output' }),
  overwrite: flag(false, {
    group: FILES,
    describe:
      'replace an existing output file; otherwise its rows are kept, if they are from the same model and options',
  }),
  ...answers,
  ...scoringResources,
  ...generationResources,
};

const NOTES = `A row {"id", "prompt" or "messages"} gives {"id", "text", "finish", "prompt_tokens", "tokens"}, with "reasoning" if the model reasoned first. "finish" is stop, length (cut at --max_tokens) or too_long (prompt and --max_tokens exceed the model's positions: no text). If a row has no id, its line number is used.

${CONVERSATION_FORMS}

Only the stop tokens of generation_config.json are used; temperature and other sampling settings are the options above. The order of the rows is kept and memory is bounded. The same command continues a run that was stopped, with the same random numbers. The file OUTPUT.run, beside the output, records model, options and rows; if one of them has changed, the command refuses to continue.`;

export const generateCommand = defineCommand({
  name: 'generate',
  options,
  examples: [
    ['generate --model_path Qwen/Qwen2.5-0.5B-Instruct --input prompts.jsonl --output answers.jsonl', 'a file'],
    [
      'generate --model_path models/base --raw --temperature 0.8 --input - --output - < texts.jsonl',
      'texts continued, in a pipe',
    ],
  ],
  notes: NOTES,
  run: (values) =>
    withInterrupts(
      'Stopping; the rows written so far are kept, and the same command continues from there.',
      async (signal) => {
        refuseOneFile(values.input, values.output);
        const rows = openInput(values.input, signal);
        const { max_tokens: maxTokens, temperature, top_p: topP, top_k: topK, seed, stop } = values;
        const output = await openOutput(values.output, { name: 'answers', fields: ['text'] });
        let model: LanguageModel | undefined;
        const progress = showProgress({ label: 'generate', unit: 'rows', live: values.output !== '-' });
        try {
          const answering = (model = await loadLanguageModel(
            values.model_path,
            {
              ...languageModelOptions(values),
              templateOptions: values.template_options,
              specialTokensInText: values.special_tokens_in_text,
            },
            signal,
          ));
          await output.begin(() => factsOf(answering, values), values.overwrite);
          const began = performance.now();
          const counts = await generateStream({
            rows,
            name: values.input === '-' ? 'standard input' : values.input,
            model: answering,
            sampling: checkSampling({ maxTokens, temperature, topP, topK, seed, stop }),
            raw: values.raw,
            output,
            report: answering.readingReport,
            signal,
            onProgress: (now) =>
              progress.update(now.rows, {
                'tokens/s': (now.tokens / Math.max((performance.now() - began) / 1000, 1e-3)).toFixed(1),
              }),
          });
          progress.finish();
          await output.finish();
          report(counts, answering.positions);
          for (const line of [...formatReport(answering.readingReport), ...answering.engineNotes]) say(line);
        } finally {
          progress.finish();
          if (values.input === '-') process.stdin.destroy();
          await output.close();
          await model?.dispose();
        }
      },
    ),
});

function report({ rows, skippedRows, promptTokens, tokens, cut, tooLong }: GenerationCounts, positions: number): void {
  const parts = [`${counted(rows, 'row')} answered (${promptTokens} + ${counted(tokens, 'token')})`];
  if (cut > 0) parts.push(`${counted(cut, 'answer')} cut at --max_tokens`);
  if (tooLong > 0)
    parts.push(
      `${counted(tooLong, 'prompt')} not answered: longer, with --max_tokens, than the model's ${positions} positions`,
    );
  if (skippedRows > 0) parts.push(`${counted(skippedRows, 'row')} already there`);
  say(`${parts.join('; ')}.`);
}

/** What an answer depends on. Without a temperature nothing is sampled. */
function factsOf(model: LanguageModel, values: OptionValues<typeof options>): Promise<RunFacts> {
  const drawing = values.temperature === 0 ? { seed: null, top_p: null, top_k: null } : {};
  const texts = { special_tokens_in_text: values.special_tokens_in_text ?? 'keep' };
  return runFacts('generate', model, valuesOf(values, answers), { ...texts, ...drawing });
}
