// The generation room's door.

export { GenerationError } from './errors';
export { LanguageModel, type Answer, type GenerateOptions, type GenerationItem, type LanguageModelOptions, type PreparedPrompt, type TokenProbability } from './language_model';

export { checkSampling, maxTokensOf, type Sampling, type SamplingOptions } from './options';
export type { StopToken } from './stop_tokens';
