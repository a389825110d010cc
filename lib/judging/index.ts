// Generative judges. To add a prompt, write a file in templates/ (or give one of your own); to add a way of reading verdicts, one in
// parsers/; to add a source of answers, implement Completer.

export type { Completer, Completion, CompletionControl, CompletionOptions, TokenProbability } from './completer';
export { JudgeError, PredictorError } from './errors';
export { EndpointError, HttpCompleter, openEndpoint, parseHeaders, type EndpointOptions } from './http';
export { openLocalJudge, type LocalCompleter, type LocalJudgeOptions } from './local';
export { letterProbability } from './letters';
export { bothOrders, pairsToJudge, singleOrder, type PairOrders, type Showing } from './pair_orders';
export { bindParser, registeredVerdictParsers, registerVerdictParser, type BoundParser, type VerdictParser } from './parsers';
export { findJudgeTemplate, readTemplateFile, registeredJudgeTemplates, registerJudgeTemplate, type JudgeTemplate, type TemplateChoice } from './templates';
