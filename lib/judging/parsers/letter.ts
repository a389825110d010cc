import { z } from 'zod';
import {
  alternatives,
  labelOptions,
  lastMatch,
  plain,
  verdictOf,
  type Labels,
  type Verdict,
  type VerdictParser,
} from './parser';

const options = z.strictObject(labelOptions);

/** What may be around a single letter: punctuation, brackets, emphasis. */
const DECORATION = '[\\s*_`"\'“”‘’「」《》()\\[\\]{}<>【】.。:：,，!！]*';

/** What a letter may refer to. */
const NOUN = 'response|assistant|answer|option|回答|回复|助手|答案|选项';
/** Longer texts are not single letters. */
const LONGEST_ALONE = 100;

/**
 * A single letter. Tried in this order: the whole text; the last line; the last place where a letter is called the
 * answer, the better one or the winner, in English or Chinese; the first line. A letter within a sentence ("A good
 * answer …") is not a verdict.
 */
export const letterParser: VerdictParser<z.output<typeof options>> = {
  name: 'letter',
  description:
    'a bare letter A or B, C for a tie: alone, on the last or first line, or called the answer in English or Chinese',
  options,
  parse(text, labels) {
    const whole = plain(text).trim();
    const lines = whole.split(/\r?\n/).filter((line) => line.trim() !== '');
    return (
      alone(whole, labels) ??
      alone(lines.at(-1) ?? '', labels) ??
      named(whole, labels) ??
      leading(lines[0] ?? '', labels)
    );
  },
};

/** The letter, or "Assistant B", "回答A", with nothing else beside it. */
function alone(text: string, labels: Labels): Verdict | undefined {
  if (text.length > LONGEST_ALONE) return undefined;
  const match = new RegExp(
    `^${DECORATION}(?:(?:${NOUN})${DECORATION})?(${alternatives(labels)})${DECORATION}$`,
    'i',
  ).exec(text);
  return match ? verdictOf(match[1]!, labels) : undefined;
}

/**
 * "Answer: A", "the better response is B", "答案:A", "更好的回答是B"; "A 更好", "B wins". Only a letter spelled as the label is:
 * "the choice is a hard one" names none.
 */
function named(text: string, labels: Labels): Verdict | undefined {
  const letter = `(${alternatives(labels)})(?![a-z0-9])`;
  const noun = `(?:(?:${NOUN})\\s*)?`;
  const english = 'answer|verdict|choice|winner|decision|better(?:\\s+(?:response|answer|one))?';
  const before = `(?:${english}|答案|结论|结果|选择|判断|胜者|更好的(?:回答|回复|一个)|更优的(?:回答|回复))`;
  const decoration = DECORATION.replace(/\*$/, '{0,8}');
  const joint = `\\s*(?:is|:|是|为|->|=)${decoration}${noun}${decoration}`;
  const after = `(?<![a-z0-9])${letter}\\s*(?:更好|更优|较好|较优|胜出|优于|is better|wins)`;
  const spelled = new Set(alternatives(labels).replaceAll('\\', '').split('|'));
  const matches = [before + joint + letter, after].flatMap((pattern) => [...text.matchAll(new RegExp(pattern, 'giu'))]);
  const last = matches
    .filter((match) => spelled.has(match[1]!))
    .sort((x, y) => x.index - y.index)
    .at(-1);
  return last && verdictOf(last[1]!, labels);
}

/** "A. Because …", "B：…", or a letter alone on the first line. */
function leading(line: string, labels: Labels): Verdict | undefined {
  return (
    alone(line, labels) ??
    lastMatch(line, new RegExp(`^${DECORATION}(${alternatives(labels)})[\\s*_)\\]】]*[.。:：,，;；]`, 'gi'), labels)
  );
}
