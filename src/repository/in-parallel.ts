/**
 * Does work for each item, so many at once. The first failure ends it.
 * @returns the results in the order of the items
 */
export async function inParallel<T, R>(items: Iterable<T>, atOnce: number, work: (item: T) => Promise<R>): Promise<R[]> {
  const results: R[] = [];
  const iterator = items[Symbol.iterator]();
  let count = 0;
  const go = async (): Promise<void> => {
    for (let next = iterator.next(); next.done !== true; next = iterator.next()) {
      const at = count++;
      results[at] = await work(next.value);
    }
  };
  await Promise.all(Array.from({ length: Math.max(1, atOnce) }, go));
  return results;
}
