// The symbol of `await using`.

/**
 * Node's own symbol. In vm contexts (Jest on Node 20) the global Symbol lacks it, and compilers' polyfills use this
 * one.
 */
export const asyncDispose: typeof Symbol.asyncDispose =
  Symbol.asyncDispose ?? (Symbol.for('Symbol.asyncDispose') as never);
