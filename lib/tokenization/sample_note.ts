// How a template of whole samples is recognized.

/** The first line of every template that `sample_template.ts` makes: it also tells readers what the template is. */
export const NOTE =
  '{#- Renders the samples that this reward model was trained on, to the token; a tokenizer must add nothing to ' +
  'them. -#}\n';

export const isSampleTemplate = (source: string): boolean => source.startsWith(NOTE);
