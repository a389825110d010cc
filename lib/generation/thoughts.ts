// The reasoning with which some models begin their answers: `<think>…</think>`.

const TAGS = ['think', 'thinking', 'reasoning'];

/** The reasoning tag that a prompt opens at its very end, for the model to continue. */
export function openThoughts(prompt: string): string | undefined {
  return TAGS.find((tag) => prompt.trimEnd().endsWith(`<${tag}>`));
}

/** What an answer begins with: `undecided` as long as it may still become an opening reasoning tag. */
export function beginning(
  text: string,
): { kind: 'undecided' | 'answer' } | { kind: 'thoughts'; tag: string; begin: number } {
  const start = text.trimStart();
  for (const tag of TAGS) {
    const opening = `<${tag}>`;
    if (start.startsWith(opening)) return { kind: 'thoughts', tag, begin: text.length - start.length + opening.length };
  }
  return { kind: TAGS.some((tag) => `<${tag}>`.startsWith(start)) ? 'undecided' : 'answer' };
}
