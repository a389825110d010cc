/** Something that the user who started the run can fix; the message says what, where and how. */
export class TrainingError extends Error {
  override readonly name = 'TrainingError';
}
