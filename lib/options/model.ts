// How a model is named.

/** What help says of every option that takes a model. */
export const MODEL_FORMS = 'a folder, or owner/name or owner/name@revision of the Hugging Face hub';

/** The other name of --model_path, which the original's evaluation has. */
export const MODEL_NAME = 'model_name';
