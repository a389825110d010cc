// What nobody should pass to a function, and whether the answer is one of ours. For property tests of the library's
// door.

import * as rooms from '../public';

const circle: Record<string, unknown> = {};
circle['self'] = circle;
const revoked = Proxy.revocable({}, {});
revoked.revoke();
const JUNK: readonly unknown[] = [
  undefined,
  null,
  true,
  0,
  -1,
  1.5,
  NaN,
  2 ** 40,
  10n,
  Symbol('junk'),
  '',
  'junk',
  'a\0b',
  '\ud800',
  [],
  [null],
  [[]],
  ['junk'],
  [1, 'a'],
  [{}],
  [[{}]],
  {},
  { prompts: 5 },
  { prompts: [null] },
  { prompts: [{}] },
  { prompts: [{ rewards: 'x' }] },
  { prompts: [{ rewards: [1, 2], pairs: [[0, 9]] }] },
  { files: [{}], benchmark: '', predictor: {}, notes: [] },
  { name: 'x' },
  { name: 5, score: 5 },
  { entries: new Map([['x', 5]]) },
  { models: [], metrics: [], notes: [] },
  () => 5,
  async () => {},
  class {},
  new Map(),
  new Set([1]),
  new Date(NaN),
  /x/,
  new Int32Array(2),
  Buffer.from('x'),
  new Proxy({}, {}),
  revoked.proxy,
  circle,
  Object.create(null),
  new Error('junk'),
  Promise.resolve(1),
  { length: 1e9 },
  { signal: 'x' },
  { signal: {} },
  { onProgress: 5 },
];
const errors = Object.values(rooms).filter(
  (value) => typeof value === 'function' && value.prototype instanceof Error,
) as (new () => Error)[];
/** Messages of JavaScript's own about the inside. */
const INSIDE =
  /Cannot (read|set|destructure|convert|access)|is not (a function|iterable|a constructor|defined)|undefined \(reading|_\d\.|Cannot mix BigInt|Invalid array length/;

async function outcome(call: () => unknown): Promise<unknown> {
  try {
    await call();
    return undefined;
  } catch (error) {
    return error;
  }
}

/** What is wrong with the way in which the call refuses what it was given; undefined where nothing is. */
async function complaintOf(call: () => unknown): Promise<string | undefined> {
  const error = await outcome(call);
  if (error === undefined) return undefined;
  if (!errors.some((known) => error instanceof known)) return `no error class of the library: ${String(error)}`;
  const { message } = error as Error;
  if (INSIDE.test(message)) return `a message of the inside: ${message}`;
  return error instanceof rooms.ArgumentError && !message.endsWith('.') ? `no sentence: ${message}` : undefined;
}

/** Every complaint about calls with junk at any place. */
export async function complaintsAbout(
  call: (...given: unknown[]) => unknown,
  leading: readonly unknown[][],
): Promise<string[]> {
  const found: string[] = [];
  const attempt = async (...given: unknown[]) => {
    const wrong = await complaintOf(() => call(...given));
    if (wrong !== undefined) found.push(`(${given.map(picture).join(', ')}): ${wrong}`);
  };
  await attempt();
  for (const junk of JUNK) {
    await attempt(junk);
    await attempt(junk, junk);
    await attempt(junk, junk, junk);
    for (const first of leading) await attempt(...first, junk);
  }
  return found;
}

function picture(value: unknown): string {
  try {
    return JSON.stringify(value) ?? String(value);
  } catch {
    return typeof value;
  }
}
