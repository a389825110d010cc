/** Something that the person who started the run can put right; the message says what, where and how. */
export class TrainingError extends Error {
  override readonly name = 'TrainingError';
}
