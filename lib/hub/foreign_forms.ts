// Models in forms that are not read here: what such a file or folder is, and how a folder of weights is made of it.

/**
 * The tokenizer that transformers makes of such a file loses rules (that of digits, for one), so it is not recommended.
 */
export function ggufSentence(file: string): string {
  return (
    `${file} is a GGUF file: weights converted for llama.cpp, quantized as a rule, with a tokenizer of its own. ` +
    'It is not read here. Download the original Hugging Face repository and give its folder; or write one in transformers 5: ' +
    'AutoModelForCausalLM.from_pretrained(FOLDER, gguf_file=NAME, quantization_config=GgufConfig(dequantize=True))' +
    ".save_pretrained(OUT) (before transformers 5 without quantization_config), and copy the original model's tokenizer " +
    'files into OUT: those that transformers makes of a GGUF file may give other ids.'
  );
}

export interface AdapterFacts {
  base?: string | undefined;
  /** PEFT's task_type. */
  task?: string | undefined;
  hasTokenizer: boolean;
}

const LOADERS: Record<string, string> = {
  SEQ_CLS: 'AutoPeftModelForSequenceClassification.from_pretrained(ADAPTER, num_labels=1)',
  CAUSAL_LM: 'AutoPeftModelForCausalLM.from_pretrained(ADAPTER)',
};

export function adapterSentence(where: string, { base, task, hasTokenizer }: AdapterFacts): string {
  const ofBase =
    base === undefined ? 'whose base model stands in its adapter_config.json' : `of the base model ${base}`;
  const load = LOADERS[task ?? ''] ?? `${LOADERS['SEQ_CLS']} (of a language model ${LOADERS['CAUSAL_LM']})`;
  return (
    `${where} is a LoRA (PEFT) adapter ${ofBase}, and no whole model; adapters are not supported yet. ` +
    `Merge it first, in Python with peft: ${load}.merge_and_unload().save_pretrained(OUT), ` +
    `and copy the tokenizer's files of the ${hasTokenizer ? 'adapter' : 'base model'} into OUT.`
  );
}
