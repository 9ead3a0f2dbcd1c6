/**
 * Keeps the results of a pure function of a text in mind, because to make one takes longer than to look it up.
 * @param most results are kept; then all are forgotten, and the next ones are made anew
 * @param maxChars results for longer texts are made each time, in UTF-16 units: the texts are kept too
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
