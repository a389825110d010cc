// How messages name an option: by its JavaScript name, in backticks. The command line replaces it with its flag
// (lib/cli/flags.ts). The engine's messages do the same (native/core/knobs.h).

/** Options that messages name, each with its flag if that is not the name in snake_case. */
const FLAGS = {
  chatTemplateFile: 'chat_template',
  comparePrecision: undefined,
  deviceMemoryReserve: undefined,
  dtype: undefined,
  gatePattern: undefined,
  gradientCheckpointing: undefined,
  judgeCache: undefined,
  judgeConcurrency: undefined,
  judgeEndpoint: undefined,
  judgeExtra: undefined,
  judgeHeader: undefined,
  judgeKeyEnv: undefined,
  judgeMaxTokens: undefined,
  judgeMode: undefined,
  judgeModel: undefined,
  judgeRetries: undefined,
  judgeTemperature: undefined,
  judgeTemplate: undefined,
  judgeTemplateOptions: undefined,
  judgeTimeout: undefined,
  maxLength: undefined,
  microBatchTokens: undefined,
  modelPath: undefined,
  output: undefined,
  outputDir: undefined,
  overwrite: undefined,
  overwriteOutputDir: undefined,
  precision: undefined,
  raw: undefined,
  resumeIfPossible: undefined,
  specialTokensInText: undefined,
  stepReward: undefined,
  stepToken: undefined,
  truncation: undefined,
} as const;

type Knob = keyof typeof FLAGS;

export const KNOBS = Object.keys(FLAGS) as Knob[];

const snakeCase = (name: string): string => name.replace(/[A-Z]/g, (letter) => `_${letter.toLowerCase()}`);

/** The flag of an option, without its dashes. */
export const flagOf = (name: string): string => (FLAGS as Record<string, string | undefined>)[name] ?? snakeCase(name);

/** `` `judgeMode` ``, or with a value `` `judgeMode: text` ``. */
export const knob = (name: Knob, value?: string | number | boolean): string =>
  value === undefined ? `\`${name}\`` : `\`${name}: ${value}\``;
