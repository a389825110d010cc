/**
 * How long an answer asks to wait before the next attempt, in milliseconds: `Retry-After` in seconds, as a date (RFC
 * 9110) or as "1m30s", `retry-after-ms`, or the sentence ("try again in 20s"). Undefined if it does not say, or not
 * sensibly.
 */
export function retryAfterOf(
  headers: { get(name: string): string | null },
  now = Date.now(),
  said = '',
): number | undefined {
  const milliseconds = Number(headers.get('retry-after-ms') ?? NaN);
  if (Number.isFinite(milliseconds) && milliseconds >= 0) return milliseconds;
  const given = headers.get('retry-after')?.trim() ?? '';
  return (given === '' ? undefined : timeOf(given, now)) ?? sentenceOf(said);
}

function timeOf(given: string, now: number): number | undefined {
  if (/^\d+(\.\d+)?$/.test(given)) return Number(given) * 1000;
  const duration = durationOf(given);
  if (duration !== undefined) return duration;
  const date = Date.parse(given);
  return Number.isNaN(date) ? undefined : Math.max(0, date - now);
}

const UNITS: Readonly<Record<string, number>> = { ms: 1, s: 1000, m: 60_000, h: 3_600_000 };

/** "6m0s", "1.5s", "20 seconds". */
function durationOf(text: string): number | undefined {
  const parts = [
    ...text.matchAll(
      /(\d+(?:\.\d+)?) ?(ms|milliseconds?|h(?:ours?)?|m(?:in(?:ute)?s?)?|s(?:ec(?:ond)?s?)?)(?![a-z])/gi,
    ),
  ];
  if (parts.length === 0 || text.replaceAll(/[\d.]+ ?[a-z]+|\s/gi, '') !== '') return undefined;
  return parts.reduce((sum, [, amount, unit]) => {
    const short = /^(?:ms|milli)/i.test(unit!) ? 'ms' : unit![0]!.toLowerCase();
    return sum + Number(amount) * UNITS[short]!;
  }, 0);
}

function sentenceOf(said: string): number | undefined {
  const found = /(?:try again|retry)\s+(?:in|after)\s+((?:\d+(?:\.\d+)? ?[a-z]+ ?)+)/i.exec(said)?.[1];
  if (found === undefined) return undefined;
  return durationOf(
    /^(?:\d+(?:\.\d+)? ?(?:ms|milliseconds?|h(?:ours?)?|m(?:in(?:ute)?s?)?|s(?:ec(?:ond)?s?)?)(?![a-z]) ?)+/i.exec(
      found,
    )?.[0] ?? '',
  );
}
