// Written by scripts/generate/write_option_comments.cjs from the table in training.ts. Change that one.

/** The options of a training run, settled. */
export interface TrainOptionValues {
  /**
   * Model to start from: a Hugging Face model folder, or owner/name[@revision] on the hub (a language model gets a
   * new reward head, made from --seed; a reward model keeps its head).
   */
  model_path: string;
  /** If model_path has more than one reward head: the tensor name of the one to train. */
  reward_head: string | undefined;
  /**
   * Preference data: files of JSON lines, JSON arrays (both may be gzipped) or parquet; prompts with the same text
   * are merged across files.
   */
  train_data_path: string[];
  /** JSONL files to evaluate on while training. */
  test_data_path: string[];
  /** Folder for checkpoint-<step>, checkpoint-last, the final model, metrics.jsonl and event files. */
  output_dir: string;
  /** Folder that keeps the tokenized data for the next run; several runs may share one. Default: output_dir/cache. */
  cache_dir: string | undefined;
  /** Delete the checkpoints of an earlier run in output_dir and start over. Default: false. */
  overwrite_output_dir: boolean;
  /** Passes over the training prompts; a fraction stops in the middle of a pass. Default: 1. */
  num_train_epochs: number;
  /** Optimizer steps; above 0 it overrides num_train_epochs. Default: -1. */
  max_steps: number;
  /**
   * Responses in one optimizer step; all responses of a prompt stay together. Default: per_device_train_batch_size
   * x gradient_accumulation_steps if one of them is given, else 256 as in the paper.
   */
  global_batch_size: number | undefined;
  /**
   * Times gradient_accumulation_steps: the global batch size if global_batch_size is absent (1 if only the other
   * one is given).
   */
  per_device_train_batch_size: number | undefined;
  /** See per_device_train_batch_size (1 if only the other one is given). */
  gradient_accumulation_steps: number | undefined;
  /** Shuffle the prompts in each epoch; the order depends on seed and epoch. Default: true. */
  do_shuffle: boolean;
  /** Seed of the new head and of the order of the prompts: the same seed gives the same bits. Default: 0. */
  seed: number;
  /** Peak learning rate of AdamW. Default: 0.000005. */
  learning_rate: number;
  /** Learning rate after the warm-up: half a cosine down to 0, a line down to 0, or constant. Default: 'cosine'. */
  lr_scheduler_type: 'cosine' | 'linear' | 'constant';
  /**
   * Fraction of all steps in which the learning rate rises from 0 (the first step has 0, as in Hugging Face).
   * Default: 0.1.
   */
  warmup_ratio: number;
  /** Length of the warm-up in steps; above 0 it overrides warmup_ratio. Default: 0. */
  warmup_steps: number;
  /** AdamW's decoupled weight decay. Default: 0. */
  weight_decay: number;
  /** Decay rate of the first moment. Default: 0.9. */
  adam_beta1: number;
  /** Decay rate of the second moment. Default: 0.999. */
  adam_beta2: number;
  /** Added to the square root of the second moment. Default: 1e-8. */
  adam_epsilon: number;
  /** Gradients are scaled down to this global norm; 0 is off. Default: 1. */
  max_grad_norm: number;
  /**
   * Dtype of the weights that are saved and that training computes with. 'bfloat16' rounds every weight; AdamW
   * updates float32 master weights, which checkpoints keep. The folder is half as large, and tools that load it in
   * 16 bits compute with the same weights. Default: 'float32'.
   */
  dtype: 'float32' | 'bfloat16';
  /** Weight of the mean squared reward in the loss; 0 or less is off. Default: 0.1. */
  reg_coef: number;
  /** Maximum number of tokens of prompt and response together. Default: 2048. */
  max_length: number;
  /** Cut longer samples from the left; otherwise they are dropped and counted. Default: false. */
  truncation: boolean;
  /**
   * Strip white space around the text that the chat template makes, so that the reward is read at the end marker;
   * stored in the model folder, so that eval and score do the same. Default: true.
   */
  do_strip: boolean;
  /**
   * What to do with special tokens inside the data's texts, such as <|im_end|>: 'keep' reads them as if the chat
   * template had written them, as transformers does; 'escape' reads them as plain text; 'refuse' is an error. They
   * are counted. Default: keep.
   */
  special_tokens_in_text: 'keep' | 'escape' | 'refuse' | undefined;
  /** File with a Jinja template to use instead of the tokenizer's own; it is saved in the model folder. */
  chat_template: string | undefined;
  /**
   * 'cheems': build samples exactly as the original does, with its doubled BOS, and train as transformers does;
   * 'transformers': only the latter: the embedding row of config.json's pad_token_id (padding_idx) gets no
   * gradient. Default: this row gets its gradient like any other.
   */
  compat: 'cheems' | 'transformers' | undefined;
  /**
   * Tokens computed at once; fewer need less memory. 'auto': 4096 on the CPU; on a GPU as many as its memory holds
   * and make it faster; a resumed run uses the same number as before. Default: 'auto'.
   */
  micro_batch_tokens: number | 'auto';
  /**
   * Keep only each layer's input and recompute the layer in the backward pass: less memory, about a third more
   * time. Default: false.
   */
  gradient_checkpointing: boolean;
  /**
   * GiB of the free memory to leave unused: NVIDIA's libraries need some at their first use. Default: 1 on a GPU, 0
   * on the CPU.
   */
  device_memory_reserve: number | undefined;
  /** Threads of the engine; 0: one for each usable core. Default: 0. */
  num_threads: number;
  /**
   * 'auto' (the GPU with the most free memory, or the CPU if there is none), 'cpu', 'cuda' or 'cuda:1'; `info`
   * lists the devices. Default: 'auto'.
   */
  device: string;
  /**
   * Dtype of matrix products; bfloat16 is about twice as fast on a CPU that has AVX512_BF16 (others compute in
   * float32 and say so). Default: bfloat16 on a GPU, float32 on the CPU.
   */
  precision: 'float32' | 'bfloat16' | undefined;
  /**
   * With bfloat16 precision: 'float32' keeps gradients, moments and a copy of the weights in float32; 'bfloat16'
   * keeps everything in bfloat16 with stochastic rounding, 8 bytes per parameter instead of 18. Default: 'float32'.
   */
  optimizer_state: 'float32' | 'bfloat16';
  /**
   * When to evaluate on test_data_path, in addition to the end of the run. Default: steps with test_data_path, else
   * no.
   */
  evaluation_strategy: 'no' | 'steps' | 'epoch' | undefined;
  /** Steps between evaluations; below 1: a fraction of all steps. Default: 100. */
  eval_steps: number;
  /** When to save, in addition to the end of the run; 'steps' also saves at the end of each epoch. Default: 'steps'. */
  save_strategy: 'no' | 'steps' | 'epoch';
  /** Steps between checkpoints; below 1: a fraction of all steps. Default: 100. */
  save_steps: number;
  /** Number of newest checkpoints to keep; 0: all. Default: 3. */
  save_total_limit: number;
  /**
   * Continue from the newest complete checkpoint in output_dir, bit for bit; refused if the data, the base model,
   * the template or an option that affects the batches has changed. Default: false.
   */
  resume_if_possible: boolean;
  /**
   * Steps between lines in metrics.jsonl, event files and plain output; below 1: a fraction of all steps. Default:
   * 1.
   */
  logging_steps: number;
  /**
   * 'tensorboard' or 'all': write event files to output_dir/runs; metrics.jsonl is always written. Default:
   * 'tensorboard'.
   */
  report_to: 'tensorboard' | 'none' | 'all';
}
