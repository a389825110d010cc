// What a language model is asked to answer.

import type { ConversationMessage, ItemSurroundings } from '../data/conversation/items';
import type { Prompt, TemplateVariables } from '../data/types';

/** A prompt to answer: a text (one user turn), a conversation, or either with a system prompt. */
export type GenerationItem = string | readonly ConversationMessage[] | GenerationPrompt;

interface GenerationPrompt extends ItemSurroundings {
  /** The prompt: text (one user turn), or a conversation. */
  prompt?: string | readonly ConversationMessage[];
  /** The conversation, if `prompt` is absent. */
  messages?: readonly ConversationMessage[];
}

/** A prompt as it was read, with the other fields of its row (system prompt, tools). */
export interface PromptToAnswer {
  prompt: Prompt;
  systemPrompt?: string;
  templateVariables?: TemplateVariables;
}
