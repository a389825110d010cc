// The thoughts with which reasoning models begin: `<think>…</think>`.

const TAGS = ['think', 'thinking', 'reasoning'];

/** The tag of thoughts that a prompt opens at its very end, for the model to go on with. */
export function openThoughts(prompt: string): string | undefined {
  return TAGS.find((tag) => prompt.trimEnd().endsWith(`<${tag}>`));
}

/** What an answer's beginning is: `undecided` while it may still become the opening of thoughts. */
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
