// What a command says of the device that it computes on.

/** What `--micro_batch_tokens auto` came to, where it was not the usual number. */
export const microBatchLine = (tokens: number): string =>
  `Micro-batches of ${tokens} tokens (--micro_batch_tokens auto).`;

/** The engine tells in full why no GPU is used, which `info` shows; a command that was not asked for a GPU says it shortly. */
export function deviceLine(choice: string): string {
  const reason = choice.indexOf('; no CUDA device, because ');
  return reason < 0 ? choice : `${choice.slice(0, reason)}; no GPU (info tells why).`;
}
