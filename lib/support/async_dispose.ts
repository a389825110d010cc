// The symbol of `await using`.

/**
 * Node's own; in vm contexts (Jest on Node 20) the language's Symbol has none, and the polyfills of compilers take this
 * one.
 */
export const asyncDispose: typeof Symbol.asyncDispose =
  Symbol.asyncDispose ?? (Symbol.for('Symbol.asyncDispose') as never);
