/** Finds the name that a misspelt one was meant to be. */

/** A misspelt name has at most one edit for this many letters. */
const LETTERS_PER_EDIT = 3
const MOST_EDITS = 3

/**
 * @returns the candidate that differs from `name` by the fewest edits, apart from case; null when all differ by more than three, or by more
 *   than a third of the letters of `name` (rounded up)
 */
export function closest(name: string, candidates: Iterable<string>): string | null {
  let best: { candidate: string; edits: number } | null = null
  const most = Math.min(MOST_EDITS, Math.ceil(name.length / LETTERS_PER_EDIT))
  for (const candidate of candidates) {
    if (Math.abs(candidate.length - name.length) > most) continue
    const edits = editsBetween(name.toLowerCase(), candidate.toLowerCase())
    if (edits <= most && (best === null || edits < best.edits)) best = { candidate, edits }
  }
  return best?.candidate ?? null
}

/** Counts letters left out, added, replaced, or swapped with a neighbour (the optimal string alignment distance). */
function editsBetween(a: string, b: string): number {
  let before: number[] = []
  let last = Array.from({ length: b.length + 1 }, (_, index) => index)
  for (let i = 1; i <= a.length; i++) {
    const row = [i]
    for (let j = 1; j <= b.length; j++) {
      const replaced = at(last, j - 1) + (a[i - 1] === b[j - 1] ? 0 : 1)
      const swapped =
        i > 1 && j > 1 && a[i - 1] === b[j - 2] && a[i - 2] === b[j - 1] ? at(before, j - 2) + 1 : Infinity
      row.push(Math.min(replaced, swapped, at(last, j) + 1, at(row, j - 1) + 1))
    }
    before = last
    last = row
  }
  return at(last, b.length)
}

const at = (row: readonly number[], index: number) => row[index] ?? Infinity
