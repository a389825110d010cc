/** Something is wrong with the file that rows are written to: a sentence that says what, where and what to do. */
export class OutputError extends Error {
  override readonly name = 'OutputError';
}
