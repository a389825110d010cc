import { z } from 'zod';
import { verdictOf, type Verdict, type VerdictParser } from './parser';

const value = z.union([z.number(), z.string()], 'must be a number or a text');

const options = z.strictObject({
  field: z.string().min(1).default('choice').describe('the field that holds the verdict'),
  a: value.default(1).describe("the field's value where the first response is better"),
  b: value.default(2).describe("the field's value where the second response is better"),
  tie: value.nullable().default(0).describe("the field's value for a tie; null: there are no ties"),
});

type JsonOptions = z.output<typeof options>;

/**
 * A JSON object with the verdict in one field, `{"choice": 1}`, whatever is around it (a code fence, an explanation):
 * the last such object in the text. If none can be read as JSON (for example because of quotation marks within a text
 * field), the last `"field": value` counts.
 */
export const jsonParser: VerdictParser<JsonOptions> = {
  name: 'json',
  description: 'a JSON object with the verdict in one field: 1 or 2, 0 for a tie; the last one counts',
  options,
  parse(text, given) {
    const found = objectsIn(text)
      .filter((object) => Object.hasOwn(object, given.field))
      .at(-1);
    return verdictFrom(found ? found[given.field] : looseValue(text, given.field), given);
  },
};

function verdictFrom(found: unknown, { a, b, tie }: JsonOptions): Verdict | undefined {
  if (typeof found !== 'number' && typeof found !== 'string') return undefined;
  return verdictOf(String(found), { a: String(a), b: String(b), tie: tie === null ? null : String(tie) });
}

/** Failed answers may contain thousands of braces; the verdict is at the end. */
const MOST_BRACES = 200;

/** Every JSON object in the text, outermost only. */
function objectsIn(text: string): Record<string, unknown>[] {
  const objects: Record<string, unknown>[] = [];
  let past = 0;
  for (const { index } of [...text.matchAll(/\{/g)].slice(-MOST_BRACES)) {
    if (index < past) continue;
    const end = endOfObject(text, index);
    const object = end === undefined ? undefined : parsed(text.slice(index, end));
    if (object === undefined) continue;
    objects.push(object);
    past = end!;
  }
  return objects;
}

function parsed(text: string): Record<string, unknown> | undefined {
  try {
    return JSON.parse(text) as Record<string, unknown>;
  } catch {
    return undefined;
  }
}

/** The position after the brace that closes the one at `from`; braces within JSON strings do not count. */
function endOfObject(text: string, from: number): number | undefined {
  let depth = 0;
  let quoted = false;
  for (let i = from; i < text.length; i++) {
    const character = text[i];
    if (quoted) {
      if (character === '\\') i++;
      else if (character === '"') quoted = false;
    } else if (character === '"') quoted = true;
    else if (character === '{') depth++;
    else if (character === '}' && --depth === 0) return i + 1;
  }
  return undefined;
}

function looseValue(text: string, field: string): string | undefined {
  const name = field.replaceAll(/[.*+?^${}()|[\]\\/-]/g, '\\$&');
  return [...text.matchAll(new RegExp(`["']${name}["']\\s*[:：]\\s*["']?([\\p{L}\\p{N}.+-]+)`, 'gu'))].at(-1)?.[1];
}
