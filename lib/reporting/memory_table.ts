// The memory plan as people read it.

import type { MemoryPlan } from '../engine/types.generated';
import { formatBytes } from '../text/bytes';
import { knob } from '../text/knobs';

const RESERVE = `left free (${knob('deviceMemoryReserve')})`;
const MICRO_BATCH = `tokens of a micro-batch (${knob('microBatchTokens')})`;

/** How a sentence names options. */
export type Wording = (sentence: string) => string;

/**
 * A table of the plan: every entry with its kind, the sum, and the memory of the machine. Entries of 0 bytes are left
 * out. If the table is too wide, plain lines instead.
 */
export function formatMemoryPlan(plan: MemoryPlan, width = Infinity, wording: Wording = (text) => text): string {
  const [reserveLabel, microBatchLabel] = [wording(RESERVE), wording(MICRO_BATCH)];
  const Table = require('cli-table3') as typeof import('cli-table3'); // loaded only if a table is printed
  const table = new Table({
    head: ['memory', 'kind', 'size'],
    colAligns: ['left', 'left', 'right'],
    style: { head: [], border: [], compact: true },
  });
  const entries = plan.entries.filter(({ bytes }) => bytes > 0);
  for (const { name, kind, bytes } of entries) table.push([name, kind, formatBytes(bytes)]);
  table.push(['in all', '', formatBytes(plan.totalBytes)]);
  const reserve = plan.reserveBytes > 0 ? formatBytes(plan.reserveBytes) : undefined;
  if (reserve !== undefined) table.push([reserveLabel, '', reserve]);
  const available = plan.availableBytes === null ? 'not known' : formatBytes(plan.availableBytes);
  table.push(['available on this machine', '', available]);
  table.push([microBatchLabel, '', String(plan.microBatchTokens)]);
  const drawn = table.toString();
  if (drawn.split('\n')[0]!.length <= width) return drawn;
  return [
    ...entries.map(({ name, bytes }) => `${formatBytes(bytes)} ${name}`),
    `${formatBytes(plan.totalBytes)} in all`,
    ...(reserve === undefined ? [] : [`${reserve} ${reserveLabel}`]),
    `${available} available on this machine`,
    `${plan.microBatchTokens} ${microBatchLabel}`,
  ].join('\n');
}
