// `cheems-native train`: the options and events of training on a command line.

import { engine } from '../engine/engine';
import { TrainingError } from '../training/errors';
import { headline } from '../training/evaluate';
import type { EvaluationResult, StepMetrics, TrainCallbacks, TrainResult } from '../training/events';
import { train } from '../training/loop';
import { counted } from '../text/counted';
import { formatMemoryPlan } from '../reporting/memory_table';
import { describeRounding } from '../training/rounding';
import { trainOptionDefinitions, type TrainOptionName } from '../options/training';
import { parseTrainOptions, type TrainOptions } from '../training/options';
import type { OptionDefinition } from '../options/kinds';
import { defineCommand } from './command';
import { deviceLine } from './device_line';
import { UsageError } from './failure';
import { withInterrupts } from './interrupt';
import { modelFolder } from './named_model';
import { formatDuration, showProgress, type ProgressDisplay } from './progress';
import { withFlags } from './flags';
import { print, say } from './terminal';

/** The table of training options with its schemas, in the form that commands take. */
export const trainOptions: Record<TrainOptionName, OptionDefinition> = trainOptionDefinitions;

/** @throws UsageError if options contradict each other. */
export function settleTrainOptions(values: Record<string, unknown>): TrainOptions {
  try {
    return parseTrainOptions(values);
  } catch (error) {
    throw error instanceof TrainingError ? new UsageError(error.message) : error;
  }
}

export const trainCommand = defineCommand({
  name: 'train',
  options: trainOptions,
  examples: [
    [
      'train --model_path models/Qwen2.5-0.5B --train_data_path train.jsonl --test_data_path human.jsonl ' +
        'open.jsonl --output_dir runs/rm',
      "the original's defaults",
    ],
    ['train --config run.yaml --learning_rate 1e-5', 'options from a file, with one changed'],
    ['train --config run.yaml --resume_if_possible', 'continue a run that was stopped'],
  ],
  notes: 'Ctrl-C finishes the current step and saves a checkpoint; a second Ctrl-C exits at once.',
  run: (values) => {
    settleTrainOptions(values);
    let hasStarted = false;
    const stop = new AbortController();
    const abandon = new AbortController();
    const announce = () =>
      hasStarted
        ? 'Finishing the current step, then saving a checkpoint. (Ctrl-C again exits at once.)'
        : 'Stopping before the first step; nothing is saved.';
    return withInterrupts(announce, async (signal) => {
      signal.addEventListener('abort', () => (hasStarted ? stop.abort(signal.reason) : abandon.abort(signal.reason)));
      const display = new TrainDisplay(() => (hasStarted = true));
      try {
        const folder = await modelFolder(String(values.model_path), abandon.signal);
        const result = await train(
          { ...values, model_path: folder },
          { engine, callbacks: display.callbacks, signal: abandon.signal, stop: stop.signal },
        );
        display.close();
        reportEnd(result);
      } finally {
        display.close();
      }
    });
  },
});

/** A progress bar or lines on stderr, from the run's events. */
class TrainDisplay {
  private steps: ProgressDisplay | undefined;
  private other: { phase: string; progress: ProgressDisplay } | undefined;
  readonly callbacks: TrainCallbacks;

  constructor(onStart: () => void) {
    this.callbacks = {
      onLog: ({ level, message }) => this.log(level === 'warning' ? `Warning: ${message}` : message),
      onMemoryPlan: (plan) =>
        formatMemoryPlan(plan, process.stderr.isTTY ? process.stderr.columns : undefined, withFlags)
          .split('\n')
          .forEach((line) => this.log(line)),
      onProgress: ({ phase, done, total }) => this.showPhase(phase, done, total),
      onStart: (start) => {
        onStart();
        this.closePhase();
        const resumed = start.resumedStep > 0 ? `, continuing after step ${start.resumedStep}` : '';
        this.log(
          `${counted(start.prompts, 'prompt')}, ${counted(start.responses, 'response')}, ` +
            `${counted(start.pairs, 'pair')}; ${counted(start.totalSteps, 'step')} (${start.warmupSteps} of ` +
            `warm-up)${resumed}; ${start.parameters.toLocaleString('en')} parameters on ${start.device} in ` +
            `${start.precision}.`,
        );
        this.log(deviceLine(start.deviceChoice));
        this.steps = showProgress({ label: 'train', unit: 'steps', total: start.totalSteps, secondsBetweenLines: 0 });
      },
      onStep: (metrics) => this.showStep(metrics),
      onEvaluate: (result) => this.log(formatEvaluationResult(result)),
      onSave: ({ folder }) => this.log(`Saved ${folder}.`),
    };
  }

  /** Safe to call again. */
  close(): void {
    this.closePhase();
    this.steps?.finish();
    this.steps = undefined;
  }

  private log(line: string): void {
    this.closePhase();
    say(line);
  }

  private showStep(metrics: StepMetrics): void {
    this.closePhase();
    // Lines follow logging_steps; a bar moves with every step.
    if (!process.stderr.isTTY && !metrics.logged) return;
    this.steps?.update(metrics.step, {
      loss: metrics.loss.toFixed(4),
      accuracy: metrics.accuracy.toFixed(3),
      margin: metrics.margin.toFixed(3),
      lr: metrics.learningRate.toExponential(2),
      'tokens/s': metrics.tokensPerSecond.toFixed(0),
      left: formatDuration(metrics.secondsLeft),
    });
  }

  private showPhase(phase: string, done: number, total: number): void {
    if (phase === 'loading' || phase === 'saving' || this.steps) return;
    if (this.other?.phase !== phase) {
      this.closePhase();
      const unit = phase === 'reading' ? 'rows' : 'responses';
      this.other = { phase, progress: showProgress({ label: phase, unit, ...(total > 0 ? { total } : {}) }) };
    }
    this.other.progress.update(done);
    if (total > 0 && done >= total) this.closePhase();
  }

  private closePhase(): void {
    this.other?.progress.finish();
    this.other = undefined;
  }
}

function formatEvaluationResult({ step, report, responses, seconds }: EvaluationResult): string {
  const { name, value } = headline(report);
  const others = Object.entries(report.cheems)
    .filter(
      ([metric, figure]) =>
        metric !== name &&
        /^(exact_match-rank|expectation_calibration_error-labels|accuracy-labels)$/.test(metric) &&
        Number.isFinite(figure),
    )
    .map(([metric, figure]) => `, ${metric} ${figure.toFixed(4)}`);
  return (
    `Evaluation after step ${step}: ${name} ${value.toFixed(4)}${others.join('')} ` +
    `(${counted(responses, 'response')} in ${formatDuration(seconds)}).`
  );
}

function reportEnd(result: TrainResult): void {
  if (result.interrupted) {
    const kept = result.checkpoint
      ? `The checkpoint is ${result.checkpoint.folder}; --resume_if_possible continues from it.`
      : 'No step had been taken, so nothing was saved.';
    say(`Stopped after step ${result.step} of ${result.totalSteps}. ${kept}`);
    return;
  }
  if (result.evaluation) print(`${formatEvaluationResult(result.evaluation)}\n`);
  if (result.rounding) print(`${withFlags(describeRounding(result.rounding))}\n`);
  print(`model:      ${result.modelFolder ?? '(none)'}\n`);
  if (result.checkpoint) print(`checkpoint: ${result.checkpoint.folder}\n`);
}
