// How a template of whole samples is known again.

/** The first line of every template that `sample_template.ts` makes: what it is, for readers too. */
export const NOTE =
  '{#- Renders the samples that this reward model was trained on, to the token; a tokenizer must add nothing to ' +
  'them. -#}\n';

export const isSampleTemplate = (source: string): boolean => source.startsWith(NOTE);
