// Written by scripts/generate/write_option_comments.cjs from the table in training.ts. Change that one.

/** The options of a training run, settled. */
export interface TrainOptionValues {
  /**
   * Hugging Face model folder, or owner/name[@revision] of the hub, to start from (a language model: a new seeded
   * head is made; a reward model with a head of one linear layer: its head is kept).
   */
  model_path: string;
  /** Where model_path has more than one reward head: the tensor's name of the one to go on from. */
  reward_head: string | undefined;
  /**
   * Files of preferences: JSON lines, JSON arrays (gzip too) or parquet; prompts with the same text are merged over
   * the files.
   */
  train_data_path: string[];
  /** JSONL files to evaluate on while training. */
  test_data_path: string[];
  /** Folder for checkpoint-<step>, checkpoint-last, the final model, metrics.jsonl and event files. */
  output_dir: string;
  /** Folder where tokenized data are kept for the next run; several runs may share one. Default: output_dir/cache. */
  cache_dir: string | undefined;
  /** Delete the checkpoints of an earlier run in output_dir and start afresh. Default: false. */
  overwrite_output_dir: boolean;
  /** Passes over the training prompts; a fraction ends in the middle of a pass. Default: 1. */
  num_train_epochs: number;
  /** Optimizer steps; above 0 it overrides num_train_epochs. Default: -1. */
  max_steps: number;
  /**
   * Responses in one optimizer step; all responses of a prompt stay together. Default: per_device_train_batch_size
   * x gradient_accumulation_steps where one of them is given, else 256 as in the paper.
   */
  global_batch_size: number | undefined;
  /**
   * With gradient_accumulation_steps: their product is the global batch when global_batch_size is absent [1 when
   * only the other is given].
   */
  per_device_train_batch_size: number | undefined;
  /** See per_device_train_batch_size [1 when only the other is given]. */
  gradient_accumulation_steps: number | undefined;
  /** Shuffle the prompts in each epoch, by seed and epoch. Default: true. */
  do_shuffle: boolean;
  /** Of the new head and of the order of the prompts: same seed, same bits. Default: 0. */
  seed: number;
  /** Peak learning rate of AdamW. Default: 0.000005. */
  learning_rate: number;
  /** After the warm-up: half a cosine to 0, a line to 0, or level. Default: 'cosine'. */
  lr_scheduler_type: 'cosine' | 'linear' | 'constant';
  /**
   * Share of all steps in which the learning rate climbs from 0 (the first step has 0, as in Hugging Face).
   * Default: 0.1.
   */
  warmup_ratio: number;
  /** The same in steps; above 0 it overrides warmup_ratio. Default: 0. */
  warmup_steps: number;
  /** AdamW's decoupled weight decay. Default: 0. */
  weight_decay: number;
  /** Decay of the first moment. Default: 0.9. */
  adam_beta1: number;
  /** Decay of the second moment. Default: 0.999. */
  adam_beta2: number;
  /** Added to the root of the second moment. Default: 1e-8. */
  adam_epsilon: number;
  /** Gradients are scaled down to this global norm; 0 is off. Default: 1. */
  max_grad_norm: number;
  /**
   * Of the saved weights, which training computes with: 'bfloat16' rounds every weight, over float32 masters that
   * AdamW updates and checkpoints keep, so that the folder is half as large and means the same to tools that load
   * in 16 bits. Default: 'float32'.
   */
  dtype: 'float32' | 'bfloat16';
  /** Weight of the mean square reward in the loss; 0 or less is off. Default: 0.1. */
  reg_coef: number;
  /** Tokens of prompt and response together. Default: 2048. */
  max_length: number;
  /** Cut longer samples from the left; otherwise they are dropped and counted. Default: false. */
  truncation: boolean;
  /**
   * Strip white space around the templated text, so that the reward is read at the end marker; stored in the model
   * folder and obeyed by eval and score. Default: true.
   */
  do_strip: boolean;
  /**
   * Special tokens of the tokenizer that stand within the data's texts, such as <|im_end|>: 'keep' reads them as if
   * the chat template had written them, as transformers does, 'escape' as plain text, 'refuse' is an error; they
   * are counted. Default: keep.
   */
  special_tokens_in_text: 'keep' | 'escape' | 'refuse' | undefined;
  /** File with a Jinja template to use in place of the tokenizer's own; it is written into the model folder. */
  chat_template: string | undefined;
  /**
   * 'cheems': build samples exactly as the original does, doubled BOS included, and train as transformers does;
   * 'transformers': that alone, the embedding row of config.json's pad_token_id (padding_idx) gets no gradient.
   * Default: it gets its gradient, as any row.
   */
  compat: 'cheems' | 'transformers' | undefined;
  /**
   * Tokens computed at once: less takes less memory; 'auto': 4096 on the CPU, on a GPU as many as its memory takes
   * and it gains by, and in a resumed run as many as before. Default: 'auto'.
   */
  micro_batch_tokens: number | 'auto';
  /**
   * Keep only each layer's input and compute the layer again going back: less memory, about a third more time.
   * Default: false.
   */
  gradient_checkpointing: boolean;
  /**
   * GiB of the free memory that must be left: NVIDIA's libraries take some at their first use. Default: 1 on a GPU,
   * 0 on the CPU.
   */
  device_memory_reserve: number | undefined;
  /** Threads of the engine; 0: one for each usable core. Default: 0. */
  num_threads: number;
  /**
   * 'auto' (the GPU where there is one, of several the one with the most free memory), 'cpu', 'cuda' or 'cuda:1';
   * `info` lists what is there. Default: 'auto'.
   */
  device: string;
  /** Of the activations and weights that are computed with. Default: bfloat16 on a GPU, float32 on the CPU. */
  precision: 'float32' | 'bfloat16' | undefined;
  /**
   * With bfloat16 precision: 'float32' keeps gradients, moments and a copy of the weights in float32; 'bfloat16'
   * keeps all in bfloat16 with stochastic rounding, 8 bytes a parameter instead of 18. Default: 'float32'.
   */
  optimizer_state: 'float32' | 'bfloat16';
  /** When to evaluate on test_data_path, beside the end of the run. Default: steps with test_data_path, else no. */
  evaluation_strategy: 'no' | 'steps' | 'epoch' | undefined;
  /** Steps between evaluations; below 1: a share of all steps. Default: 100. */
  eval_steps: number;
  /** When to save, beside the end of the run; 'steps' saves at the end of each epoch too. Default: 'steps'. */
  save_strategy: 'no' | 'steps' | 'epoch';
  /** Steps between checkpoints; below 1: a share of all steps. Default: 100. */
  save_steps: number;
  /** Newest checkpoints kept; 0: all of them. Default: 3. */
  save_total_limit: number;
  /**
   * Go on from the newest whole checkpoint in output_dir, bit for bit; refused where data, base model, template or
   * an option of the batches is another. Default: false.
   */
  resume_if_possible: boolean;
  /** Steps between lines in metrics.jsonl, event files and plain output; below 1: a share of all steps. Default: 1. */
  logging_steps: number;
  /**
   * 'tensorboard' or 'all': event files in output_dir/runs; metrics.jsonl is always written. Default:
   * 'tensorboard'.
   */
  report_to: 'tensorboard' | 'none' | 'all';
}
