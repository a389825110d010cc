// The memory plan as people read it.

import type { MemoryPlan } from '../engine/types';
import { formatBytes } from '../text/bytes';

const RESERVE = 'left free (--device_memory_reserve)';
const MICRO_BATCH = 'tokens of a micro-batch (--micro_batch_tokens)';

/** A table of the plan: every entry with its kind, a sum, and what the machine has. No entry of 0 bytes. Lines where the table is too wide. */
export function formatMemoryPlan(plan: MemoryPlan, width = Infinity): string {
  const Table = require('cli-table3') as typeof import('cli-table3'); // for those who print one
  const table = new Table({
    head: ['memory', 'kind', 'size'],
    colAligns: ['left', 'left', 'right'],
    style: { head: [], border: [], compact: true },
  });
  const entries = plan.entries.filter(({ bytes }) => bytes > 0);
  for (const { name, kind, bytes } of entries) table.push([name, kind, formatBytes(bytes)]);
  table.push(['in all', '', formatBytes(plan.totalBytes)]);
  const reserve = plan.reserveBytes > 0 ? formatBytes(plan.reserveBytes) : undefined;
  if (reserve !== undefined) table.push([RESERVE, '', reserve]);
  const available = plan.availableBytes === null ? 'not known' : formatBytes(plan.availableBytes);
  table.push(['available on this machine', '', available]);
  table.push([MICRO_BATCH, '', String(plan.microBatchTokens)]);
  const drawn = table.toString();
  if (drawn.split('\n')[0]!.length <= width) return drawn;
  return [
    ...entries.map(({ name, bytes }) => `${formatBytes(bytes)} ${name}`),
    `${formatBytes(plan.totalBytes)} in all`,
    ...(reserve === undefined ? [] : [`${reserve} ${RESERVE}`]),
    `${available} available on this machine`,
    `${plan.microBatchTokens} ${MICRO_BATCH}`,
  ].join('\n');
}
