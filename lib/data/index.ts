// What the other rooms use of this one.

export { DatasetBuilder, datasetFromRows, readPreferenceDataset } from './dataset';
export type { ReadOptions } from './dataset';
export { DataError, placeOf, show } from './errors';
export { DATA_FORMS } from './forms/index';
export { flattenBatch, GlobalBatchPlanner } from './global_batches';
export type { FlatBatch, GlobalBatch, GlobalBatchOptions } from './global_batches';
export { keepSamples, pruneUnpaired } from './pruning';
export { shuffledIndices, SplitMix64 } from './random';
export { countOf, emptyReport, formatReport, note, REPORT_KINDS } from './report';
export type { ReportKind } from './report';
export { readRows, rowsOfStream } from './rows';
export type { Row, RowsOptions } from './rows';
export type * from './types';
