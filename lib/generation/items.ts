// What is to be answered.

import type { ConversationMessage, ItemSurroundings } from '../data/conversation/items';
import type { Prompt, TemplateVariables } from '../data/types';

/** A prompt to be answered: a text (one user turn), a conversation, or either with a system prompt. */
export type GenerationItem = string | readonly ConversationMessage[] | GenerationPrompt;

interface GenerationPrompt extends ItemSurroundings {
  /** What is answered: text (one user turn), or a conversation. */
  prompt?: string | readonly ConversationMessage[];
  /** The conversation, where `prompt` is absent. */
  messages?: readonly ConversationMessage[];
}

/** A prompt as it was read, with what stands beside it. */
export interface PromptToAnswer {
  prompt: Prompt;
  systemPrompt?: string;
  templateVariables?: TemplateVariables;
}
