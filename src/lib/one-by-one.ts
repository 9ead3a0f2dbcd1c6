/**
 * @returns `work` for callers that may overlap: each call waits until the one before it has ended. After a call that failed, all further
 *   ones fail with its error, without doing anything
 */
export function oneByOne<Args extends unknown[]>(work: (...args: Args) => Promise<void>) {
  let last: Promise<void> = Promise.resolve()
  return (...args: Args): Promise<void> => (last = last.then(() => work(...args)))
}
