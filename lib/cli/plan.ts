// `cheems-native plan train|eval`: the memory that the command would need, without allocating it.

import { memoryReserve } from '../options/engine';
import { engine } from '../engine/engine';
import type { ArchitectureInfo } from '../engine/types.generated';
import type { PlanRequest } from '../engine/types';
import { findBenchmark } from '../evaluation/benchmarks/registry';
import { readBenchmarkFile } from '../evaluation/benchmarks/read';
import { readSampleFacts } from '../scoring/model_facts';
import { tokenizeDataset } from '../tokenization/tokenize_dataset';
import { realFileSystem } from '../files/file_system';
import { formatMemoryPlan } from '../reporting/memory_table';
import { fits, planOrRefuse } from '../training/memory';
import { paths, text } from '../options/kinds';
import { loadTrainingData } from '../training/training_data';
import { defineCommand } from './command';
import { deviceLine } from './device_line';
import { UsageError } from './failure';
import { evalOptions, type EvalValues } from './eval';
import { modelFolder } from './named_model';
import { withFlags } from './flags';
import { print, say } from './terminal';
import { settleTrainOptions, trainOptions } from './train';

const NOTES =
  'With data, the longest sample is measured; without, max_length is used. The exit code is 1 if the memory is ' +
  'not enough.';

export const planTrainCommand = defineCommand({
  name: 'plan train',
  options: {
    ...trainOptions,
    train_data_path: paths({ group: 'Paths', describe: 'as for train; may be left out' }, 0),
    output_dir: text({ group: 'Paths', describe: 'as for train; not touched' }),
  },
  examples: [
    ['plan train --model_path models/Qwen2.5-0.5B --max_length 2048 --gradient_checkpointing', 'a 0.5B model'],
  ],
  notes: NOTES,
  async run(values) {
    const hasData = values.train_data_path.length > 0;
    const options = settleTrainOptions({
      ...values,
      output_dir: values.output_dir ?? 'not used by plan',
      train_data_path: hasData ? values.train_data_path : ['not used by plan'],
      ...(hasData ? {} : { test_data_path: [], evaluation_strategy: undefined }),
    });
    options.model_path = await modelFolder(options.model_path);
    const architecture = await engine.readArchitecture(options.model_path);
    const longestSample = hasData
      ? (
          await loadTrainingData(options, {
            vocabularySize: architecture.vocabSize,
            files: realFileSystem,
            callbacks: {},
          })
        ).longestSample
      : options.max_length;
    await printPlan({
      folder: options.model_path,
      purpose: 'train',
      microBatchTokens: options.micro_batch_tokens,
      mostTokens: options.global_batch_size * longestSample,
      gradientCheckpointing: options.gradient_checkpointing,
      longestSample,
      numThreads: options.num_threads,
      device: options.device,
      optimizerState: options.optimizer_state,
      dtype: options.dtype,
      ...memoryReserve(options.device_memory_reserve),
      ...(options.precision ? { precision: options.precision } : {}),
    });
  },
});

export const planEvalCommand = defineCommand({
  name: 'plan eval',
  options: { ...evalOptions, data_path: paths({ group: 'Files', describe: 'as for eval; may be left out' }, 0) },
  examples: [['plan eval --model_path runs/rm --max_length 4096', 'samples of up to 4096 tokens']],
  notes: NOTES,
  async run(values) {
    if (values.model_path === undefined)
      throw new UsageError('--model_path is missing: the folder of the model whose memory is planned.');
    const folder = await modelFolder(values.model_path);
    const architecture = await engine.readArchitecture(folder);
    const longestSample =
      values.data_path.length > 0
        ? await longestOf(folder, values, architecture)
        : Math.min(values.max_length ?? Infinity, architecture.maxPositionEmbeddings);
    const request: PlanRequest = {
      folder,
      purpose: 'score',
      microBatchTokens: values.micro_batch_tokens,
      keep16Bit: true,
      longestSample,
      numThreads: values.num_threads,
      device: values.device,
      ...memoryReserve(values.device_memory_reserve),
      ...(values.precision ? { precision: values.precision } : {}),
      ...(values.dtype ? { dtype: values.dtype } : {}),
    };
    await printPlan(request);
    // One after the other, so that the larger one is what is needed.
    if (values.compare_precision) await printPlan({ ...request, precision: 'float32' });
  },
});

async function longestOf(
  folder: string,
  values: EvalValues,
  { vocabSize: vocabularySize, sampleForm, rewardToken }: ArchitectureInfo,
): Promise<number> {
  const facts = await readSampleFacts(folder, { chatTemplateFile: values.chat_template });
  const read = await Promise.all(
    values.data_path.map((file) => readBenchmarkFile(findBenchmark(values.benchmark), file, { compat: values.compat })),
  );
  const { prompts } = await tokenizeDataset(
    { prompts: read.flatMap((dataset) => dataset.prompts) },
    {
      tokenizer: { folder, chatTemplateFile: values.chat_template, form: sampleForm },
      doStrip: values.do_strip ?? facts.doStrip,
      doubledBos: (values.compat ?? facts.compat) === 'cheems' ? 'keep' : 'drop',
      maxLength: values.max_length ?? null,
      truncation: values.truncation,
      vocabularySize,
      rewardToken,
      dropUnpaired: false,
    },
  );
  return prompts.reduce(
    (longest, { samples }) => samples.reduce((most, { inputIds }) => Math.max(most, inputIds.length), longest),
    0,
  );
}

async function printPlan(request: PlanRequest): Promise<void> {
  const plan = await engine.planMemory(request);
  say(deviceLine(plan.deviceChoice));
  print(`${formatMemoryPlan(plan, process.stdout.isTTY ? process.stdout.columns : undefined, withFlags)}\n`);
  // The options that would help, with their plans.
  if (!fits(plan)) await planOrRefuse(engine, request);
}
