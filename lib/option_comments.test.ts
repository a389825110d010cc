// What editors show: every public option and field has a comment, and those of options are the texts of --help.

import { readdirSync, readFileSync } from 'node:fs';
import { join } from 'node:path';
import test from 'ava';
import { commentOf } from './options/library_options';
import { trainOptionDescriptions } from './options/training';

const root = join(__dirname, '..');

/** Interfaces of a declaration file: each member's name and its comment, in one line. */
function interfacesOf(text: string): Map<string, Map<string, string>> {
  const found = new Map<string, Map<string, string>>();
  for (const [, name, body] of text.matchAll(/^(?:export )?interface (\w+)[^{]*\{\n(.*?)\n\}/gms)) {
    const members = new Map<string, string>();
    let comment = '';
    for (const [, commented, member] of body!.matchAll(
      /^ {4}(?:\/\*\*((?:(?!\*\/)[^])*)\*\/|(?:readonly )?(\w+)\??[:(].*$)/gm,
    )) {
      if (member === undefined)
        comment = commented!
          .replaceAll(/\n\s*\*/g, '')
          .replaceAll(/\s+/g, ' ')
          .trim();
      else {
        members.set(member, comment);
        comment = '';
      }
    }
    found.set(name!, members);
  }
  return found;
}

const declarations = readdirSync(__dirname, { recursive: true, encoding: 'utf8' }).filter(
  (file) => file.endsWith('.d.ts') && !/testing|\.test\./.test(file),
);
const all = new Map<string, Map<string, string>>(
  declarations.flatMap((file) =>
    [...interfacesOf(readFileSync(join(__dirname, file), 'utf8'))].map(
      ([name, members]) => [`${file}: ${name}`, members] as [string, Map<string, string>],
    ),
  ),
);

/** What programs write or read by hand. */
const PUBLIC = [
  'scoring/items.d.ts: PromptItem',
  'scoring/items.d.ts: ConversationItem',
  'data/conversation/items.d.ts: ItemSurroundings',
  'data/conversation/items.d.ts: ConversationMessage',
  'scoring/options.d.ts: RewardModelOptions',
  'scoring/options.d.ts: ScoreItemsOptions',
  'scoring/readouts.d.ts: ReadoutOptions',
  'scoring/progress.d.ts: ScoreItemsProgress',
  'generation/options.d.ts: LanguageModelOptions',
  'generation/options.d.ts: SamplingOptions',
  'generation/options.d.ts: GenerateOptions',
  'generation/answer.d.ts: Answer',
  'options/training_values.d.ts: TrainOptionValues',
  'training/train.d.ts: TrainControl',
  'training/events.d.ts: StepMetrics',
  'training/events.d.ts: EvaluationResult',
  'training/events.d.ts: RunStart',
  'training/events.d.ts: TrainCallbacks',
  'training/events.d.ts: TrainResult',
  'evaluation/evaluate.d.ts: EvaluateOptions',
  'evaluation/evaluate.d.ts: EvaluationDataset',
  'evaluation/evaluate.d.ts: EvaluationProgress',
  'judging/http/options.d.ts: EndpointOptions',
  'judging/local/local_completer.d.ts: LocalJudgeOptions',
  'judging/completer.d.ts: CompletionOptions',
  'evaluation/predictors/judge.d.ts: JudgePredictorOptions',
  'evaluation/predictors/predictor.d.ts: PredictorDefinition',
  'evaluation/metrics/types.d.ts: MetricInput',
  'evaluation/metrics/types.d.ts: MetricPrompt',
  'evaluation/metrics/types.d.ts: BootstrapOptions',
  'data/read_options.d.ts: ReadOptions',
  'data/types.d.ts: PreferencePrompt',
  'data/types.d.ts: Response',
  'tokenization/tokenize_dataset.d.ts: TokenizeOptions',
  'tokenization/tokenize_dataset.d.ts: TokenizeControl',
  'hub/fetch_model.d.ts: ModelFolderOptions',
  'hub/environment.d.ts: HubEnvironment',
];

for (const name of PUBLIC) {
  test(`every field has a comment: ${name}`, (t) => {
    const members = all.get(name);
    t.true(members !== undefined && members.size > 0);
    t.deepEqual(
      [...members!].filter(([, comment]) => comment === '').map(([member]) => member),
      [],
    );
  });
}

test('the comments of options are written from the tables', (t) => {
  const { wanted } = require('../scripts/generate/write_option_comments.cjs') as { wanted(): Map<string, string> };
  for (const [file, text] of wanted())
    t.is(
      readFileSync(join(root, file), 'utf8'),
      text,
      `${file} is out of date: run node scripts/generate/write_option_comments.cjs`,
    );
});

test('a train option in the declarations has the text of --help', (t) => {
  const members = all.get('options/training_values.d.ts: TrainOptionValues')!;
  t.deepEqual([...members.keys()], Object.keys(trainOptionDescriptions));
  for (const [name, description] of Object.entries(trainOptionDescriptions))
    t.is(members.get(name), commentOf(description), name);
});
