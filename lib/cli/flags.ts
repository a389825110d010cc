// The engine's sentences name options as the library has them: `microBatchTokens`, `device: cpu`. On the command line they are flags.
import { ENGINE_KNOBS } from '../engine/types.generated';

const NAMED = new RegExp(`\`(${ENGINE_KNOBS.join('|')})(?:: ([^\`]+))?\``, 'g');

const snakeCase = (name: string): string => name.replace(/[A-Z]/g, (letter) => `_${letter.toLowerCase()}`);

export function withFlags(sentence: string): string {
  return sentence.replace(NAMED, (_all, name: string, value?: string) => {
    const flag = `--${snakeCase(name)}`;
    return value === undefined ? flag : `${flag} ${value}`;
  });
}
