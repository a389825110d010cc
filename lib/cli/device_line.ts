// What a command reports about the device that it computes on.

/** What `--micro_batch_tokens auto` chose, if it was not the usual number. */
export const microBatchLine = (tokens: number): string =>
  `Micro-batches of ${tokens} tokens (--micro_batch_tokens auto).`;

/**
 * The engine gives the full reason why no GPU is used, which `info` shows; a command that was not asked for a GPU
 * shortens it.
 */
export function deviceLine(choice: string): string {
  const reason = choice.indexOf('; no CUDA device, because ');
  return reason < 0 ? choice : `${choice.slice(0, reason)}; no GPU (info tells why).`;
}
