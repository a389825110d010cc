// One reader of conversations, for everything that reads rows.

export {
  historyOf,
  instructionPrompt,
  OWN_VARIABLES,
  promptKeysOf,
  ReadKeys,
  readPrompt,
  rowOf,
  surroundingsOf,
} from './conversation';
export type { Surroundings } from './conversation';
export { idOf, idText, rowIdOf, withId, type RowId } from './ids';
export { refuseUnknown } from './known_keys';
export { asMessages, isPlain, messageOf, messagesOf, promptOf, simplified } from './messages';
export { exactText, JsonNumber, parseRow } from './numbers';
export { checkTexts, mapTexts, textOfMessage } from './texts';
