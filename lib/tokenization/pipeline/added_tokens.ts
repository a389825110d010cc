// Splits a text at added tokens, as the tokenizers library (Rust) does: with single_word, lstrip and rstrip; the
// longest at a position first.

import { isWhiteSpace, WORD } from './characters';

export interface AddedToken {
  id: number;
  content: string;
  single_word?: boolean;
  lstrip?: boolean;
  rstrip?: boolean;
  normalized?: boolean;
  special?: boolean;
}

/** A piece of a text: an added token, or the text between two. `at`: its position. */
export interface Piece {
  text: string;
  at: number;
  token: AddedToken | undefined;
}

interface Node {
  next: Map<number, Node>;
  token: AddedToken | undefined;
}

const ENDS_WITH_WORD = new RegExp(`[${WORD}]$`, 'u');
const STARTS_WITH_WORD = new RegExp(`^[${WORD}]`, 'u');

export class AddedTokenSplitter {
  private readonly root: Node = { next: new Map(), token: undefined };

  /** @param tokens with the texts by which they are matched. */
  constructor(tokens: readonly (readonly [content: string, token: AddedToken])[]) {
    for (const [content, token] of tokens) {
      let node = this.root;
      for (let i = 0; i < content.length; i += 1) {
        let next = node.next.get(content.charCodeAt(i));
        if (!next) node.next.set(content.charCodeAt(i), (next = { next: new Map(), token: undefined }));
        node = next;
      }
      if (node !== this.root) node.token = token;
    }
  }

  split(text: string): Piece[] {
    const pieces: Piece[] = [];
    let done = 0;
    for (let i = 0; i < text.length;) {
      const match = this.root.next.has(text.charCodeAt(i)) ? this.longestAt(text, i) : undefined;
      if (!match) {
        i += 1;
        continue;
      }
      const { token, end } = match;
      if (!token.single_word || standsAlone(text, i, end)) {
        const start = token.lstrip ? Math.max(whiteSpaceBefore(text, i), done) : i;
        const stop = token.rstrip ? whiteSpaceAfter(text, end) : end;
        if (done < start) pieces.push({ text: text.slice(done, start), at: done, token: undefined });
        pieces.push({ text: token.content, at: start, token });
        done = stop; // even where white space was taken that begins the next token: that one then begins before
      }
      i = end;
    }
    if (done < text.length) pieces.push({ text: text.slice(done), at: done, token: undefined });
    return pieces;
  }

  private longestAt(text: string, from: number): { token: AddedToken; end: number } | undefined {
    let found: { token: AddedToken; end: number } | undefined;
    let node: Node | undefined = this.root;
    for (let i = from; i < text.length; i += 1) {
      node = node.next.get(text.charCodeAt(i));
      if (!node) break;
      if (node.token) found = { token: node.token, end: i + 1 };
    }
    return found;
  }
}

/** Any character fits into two code units. */
function standsAlone(text: string, start: number, end: number): boolean {
  return (
    !ENDS_WITH_WORD.test(text.slice(Math.max(0, start - 2), start)) && !STARTS_WITH_WORD.test(text.slice(end, end + 2))
  );
}

function whiteSpaceBefore(text: string, end: number): number {
  while (end > 0 && isWhiteSpace(text[end - 1]!)) end -= 1;
  return end;
}

function whiteSpaceAfter(text: string, start: number): number {
  while (start < text.length && isWhiteSpace(text[start]!)) start += 1;
  return start;
}
