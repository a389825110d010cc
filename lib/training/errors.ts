/** Something that the person who started the run can put right; the message says what, where and how. */
export class TrainingError extends Error {
  override readonly name = 'TrainingError';
}

/** What went wrong, as text, whatever was thrown. */
export function messageOf(error: unknown): string {
  return error instanceof Error ? error.message : String(error);
}

/** The `code` of a system error ('ENOSPC', 'EACCES', …), if it has one. */
export function codeOf(error: unknown): string | undefined {
  const code = (error as { code?: unknown } | null)?.code;
  return typeof code === 'string' ? code : undefined;
}
