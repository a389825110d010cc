/**
 * Runs `work` on each item, at most `limit` at a time. Items are taken when there is capacity; `work` must not reject.
 */
export async function forEachAtMost<T>(
  limit: number,
  items: Iterator<T>,
  work: (item: T) => Promise<void>,
): Promise<void> {
  const worker = async (): Promise<void> => {
    for (let next = items.next(); !next.done; next = items.next()) await work(next.value);
  };
  await Promise.all(Array.from({ length: limit }, worker));
}
