// The config.json of a new model, as transformers 4 and 5 both read it.

import { UsageError } from './failure';

export const ARCHITECTURES = ['qwen2', 'llama', 'mistral', 'qwen3'] as const;
type ArchitectureName = (typeof ARCHITECTURES)[number];

const CLASS_PREFIX: Record<ArchitectureName, string> = {
  qwen2: 'Qwen2',
  llama: 'Llama',
  mistral: 'Mistral',
  qwen3: 'Qwen3',
};

/** transformers' own defaults of the family. */
const ROPE_THETA: Record<ArchitectureName, number> = {
  qwen2: 1_000_000,
  llama: 10_000,
  mistral: 10_000,
  qwen3: 1_000_000,
};
const RMS_NORM_EPSILON: Record<ArchitectureName, number> = { qwen2: 1e-6, llama: 1e-5, mistral: 1e-5, qwen3: 1e-6 };

export interface InitSizes {
  architecture: ArchitectureName;
  hidden_size: number;
  num_hidden_layers: number;
  num_attention_heads?: number | undefined;
  num_key_value_heads?: number | undefined;
  intermediate_size?: number | undefined;
  head_dim?: number | undefined;
  vocab_size: number;
  max_position_embeddings: number;
  rope_theta?: number | undefined;
  tie_word_embeddings: boolean;
  rms_norm_eps?: number | undefined;
  sliding_window?: number | undefined;
  initializer_range: number;
}

export interface SpecialIds {
  bos?: number | undefined;
  eos?: number | undefined;
  pad?: number | undefined;
}

/** @throws UsageError if the sizes contradict each other. */
export function makeInitConfig(sizes: InitSizes, ids: SpecialIds): Record<string, unknown> {
  const { architecture, hidden_size: hidden } = sizes;
  const heads = sizes.num_attention_heads ?? Math.max(1, Math.round(hidden / 64));
  const keyValueHeads = sizes.num_key_value_heads ?? heads;
  if (sizes.head_dim === undefined && hidden % heads !== 0) {
    throw new UsageError(
      `--hidden_size ${hidden} is not divisible by --num_attention_heads ${heads}; choose others or give --head_dim.`,
    );
  }
  const headDim = sizes.head_dim ?? hidden / heads;
  if (headDim % 2 !== 0)
    throw new UsageError(
      `The head size must be even (rotary embeddings rotate pairs), but it is ${headDim}: hidden_size / ` +
        'num_attention_heads, or --head_dim.',
    );
  if (heads % keyValueHeads !== 0)
    throw new UsageError(`--num_attention_heads ${heads} is not divisible by --num_key_value_heads ${keyValueHeads}.`);
  const theta = sizes.rope_theta ?? ROPE_THETA[architecture];
  return {
    architectures: [`${CLASS_PREFIX[architecture]}ForCausalLM`],
    model_type: architecture,
    hidden_act: 'silu',
    hidden_size: hidden,
    intermediate_size: sizes.intermediate_size ?? 3 * hidden,
    num_hidden_layers: sizes.num_hidden_layers,
    num_attention_heads: heads,
    num_key_value_heads: keyValueHeads,
    ...(architecture !== 'qwen2' || headDim * heads !== hidden ? { head_dim: headDim } : {}),
    vocab_size: sizes.vocab_size,
    max_position_embeddings: sizes.max_position_embeddings,
    rms_norm_eps: sizes.rms_norm_eps ?? RMS_NORM_EPSILON[architecture],
    rope_theta: theta,
    rope_scaling: null,
    rope_parameters: { rope_type: 'default', rope_theta: theta },
    ...windowFields(sizes),
    ...(architecture === 'llama' ? { attention_bias: false, mlp_bias: false } : {}),
    ...(architecture === 'qwen3' ? { attention_bias: false } : {}),
    attention_dropout: 0,
    tie_word_embeddings: sizes.tie_word_embeddings,
    initializer_range: sizes.initializer_range,
    bos_token_id: ids.bos ?? null,
    eos_token_id: ids.eos ?? null,
    pad_token_id: ids.pad ?? null,
    use_cache: true,
    torch_dtype: 'float32',
    dtype: 'float32',
  };
}

/** Mistral has the window in every layer; Qwen in the layers from max_window_layers on, here all of them. */
function windowFields({
  architecture,
  sliding_window: window,
  num_hidden_layers: layers,
}: InitSizes): Record<string, unknown> {
  if (architecture === 'llama') {
    if (window !== undefined)
      throw new UsageError(
        '--sliding_window cannot be used with --architecture llama: Llama attends to all tokens. Choose ' +
          'mistral, qwen2 or qwen3.',
      );
    return {};
  }
  if (architecture === 'mistral') return { sliding_window: window ?? null };
  const kind = window === undefined ? 'full_attention' : 'sliding_attention';
  return {
    use_sliding_window: window !== undefined,
    sliding_window: window ?? null,
    max_window_layers: window === undefined ? layers : 0,
    layer_types: Array.from({ length: layers }, () => kind),
  };
}
