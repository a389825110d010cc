// A language model's folder with the repository's own tokenizer and no weights, for tests on the fake engine.

import { cpSync, mkdtempSync, readFileSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';

export interface FolderFacts {
  config?: Record<string, unknown>;
  generationConfig?: unknown;
  /** null: none. */
  chatTemplate?: string | null;
  tokenizerConfig?: Record<string, unknown>;
}

export const IM_END = 8191;

export function makeLanguageModelFolder({
  config = {},
  generationConfig,
  chatTemplate,
  tokenizerConfig = {},
}: FolderFacts = {}): string {
  const folder = mkdtempSync(join(tmpdir(), 'language-model-'));
  cpSync(join(__dirname, '../../data/tokenizer'), folder, { recursive: true });
  const write = (name: string, value: unknown) => writeFileSync(join(folder, name), JSON.stringify(value));
  write('config.json', {
    architectures: ['Qwen2ForCausalLM'],
    model_type: 'qwen2',
    vocab_size: 8192,
    max_position_embeddings: 32768,
    eos_token_id: IM_END,
    ...config,
  });
  if (generationConfig !== undefined) write('generation_config.json', generationConfig);
  const given = JSON.parse(readFileSync(join(folder, 'tokenizer_config.json'), 'utf8')) as Record<string, unknown>;
  write('tokenizer_config.json', {
    ...given,
    ...tokenizerConfig,
    ...(chatTemplate === undefined ? {} : { chat_template: chatTemplate }),
  });
  return folder;
}
