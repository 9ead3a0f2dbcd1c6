/**
 * Remembers the results of a pure function of a text, for a function that takes longer than a look-up.
 * @param most how many results are remembered; one more makes it forget all before
 * @param maxChars results for longer texts (in UTF-16 units) are not remembered, because the texts would be kept with them
 */
export function remember<Result>(
  make: (text: string) => Result,
  { most, maxChars }: { most: number; maxChars: number },
): (text: string) => Result {
  const known = new Map<string, Result>()
  return (text) => {
    const before = known.get(text)
    if (before !== undefined) return before
    const made = make(text)
    if (text.length > maxChars) return made
    if (known.size >= most) known.clear()
    known.set(text, made)
    return made
  }
}
