// What the other rooms use of this one.

export { ChatTemplate } from './chat_template';
export { Detokenizer } from './detokenizer';
export { TokenizerError } from './errors';
export { SampleBuilder } from './sample_builder';
export type { Sample, SampleForm, SampleOptions, TokenizerSource } from './sample_builder';
export { tokenizeDataset } from './tokenize_dataset';
export type { TokenizedDataset, TokenizeOptions } from './tokenize_dataset';
export { TextTokenizer } from './text_tokenizer';
