// Sentences of the library and of the engine name options as JavaScript has them: `microBatchTokens`, `device: cpu`. On
// the command line they are flags.
import { ENGINE_KNOBS } from '../engine/types.generated';
import { flagOf, KNOBS } from '../text/knobs';
import { quoteWord } from '../text/shell';

const NAMED = new RegExp(`\`(${[...new Set([...ENGINE_KNOBS, ...KNOBS])].join('|')})(?:: ([^\`]+))?\``, 'g');
/** A value that a shell would take apart: JSON, a header. `min | mean` names two. */
const IS_TAKEN_APART = /[{:]/;

export function withFlags(sentence: string): string {
  return sentence.replace(NAMED, (_all, name: string, value?: string) => {
    const flag = `--${flagOf(name)}`;
    if (value === undefined || value === 'true') return flag;
    return `${flag} ${IS_TAKEN_APART.test(value) ? quoteWord(value) : value}`;
  });
}
