// All commands, by name. A command's file is loaded only when it runs or its help is shown.

import type { AnyCommand } from './command';

interface Entry {
  summary: string;
  load: () => AnyCommand;
}

export const COMMANDS: Readonly<Record<string, Entry>> = {
  train: {
    summary: 'Trains a reward model on preference data.',
    load: () => (require('./train') as typeof import('./train')).trainCommand,
  },
  eval: {
    summary:
      'Evaluates a reward model on preference data: accuracy, exact match, calibration, by category, with intervals.',
    load: () => (require('./eval') as typeof import('./eval')).evalCommand,
  },
  compare: {
    summary: 'Compares evaluations of the same data: differences, with a paired bootstrap over prompts.',
    load: () => (require('./compare') as typeof import('./compare')).compareCommand,
  },
  score: {
    summary: 'Scores conversations with a reward model: JSONL in, rewards out.',
    load: () => (require('./score') as typeof import('./score')).scoreCommand,
  },
  generate: {
    summary: 'Answers prompts with a language model: JSONL in, texts out.',
    load: () => (require('./generate') as typeof import('./generate')).generateCommand,
  },
  init: {
    summary: 'Creates a model folder (Hugging Face layout) with random weights, for training from scratch.',
    load: () => (require('./init') as typeof import('./init')).initCommand,
  },
  build: {
    summary:
      'Builds the engine on this machine from the sources in the package, if the one that npm installed does not load.',
    load: () => (require('./build') as typeof import('./build')).buildCommand,
  },
  info: {
    summary: 'Shows versions, CPU features, threads, the backends that were found, and why others were not.',
    load: () => (require('./info') as typeof import('./info')).infoCommand,
  },
};

/** What can follow `plan`. */
export const PLANS: Readonly<Record<string, Entry>> = {
  train: {
    summary: 'Shows how much memory train will need with these options, by kind, without allocating it.',
    load: () => (require('./plan') as typeof import('./plan')).planTrainCommand,
  },
  eval: {
    summary: 'Shows how much memory eval (and score) will need with these options, by kind, without allocating it.',
    load: () => (require('./plan') as typeof import('./plan')).planEvalCommand,
  },
};
