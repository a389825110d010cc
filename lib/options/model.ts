// How models are named.

/** What the help says about every option that takes a model. */
export const MODEL_FORMS = 'a folder, or owner/name or owner/name@revision on the Hugging Face hub';

/** The other name of --model_path, which the original's evaluation uses. */
export const MODEL_NAME = 'model_name';
