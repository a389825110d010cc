// What a command says of the device that it computes on.

/** The engine tells in full why no GPU is used, which `info` shows; a command that was not asked for a GPU says it shortly. */
export function deviceLine(choice: string): string {
  const reason = choice.indexOf('; no CUDA device, because ');
  return reason < 0 ? choice : `${choice.slice(0, reason)}; no GPU (info tells why).`;
}
