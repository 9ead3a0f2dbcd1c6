import { findDenial } from '../../src/scoring/denials.ts'
import { subjectOf } from '../../src/scoring/relatedness.ts'

/** @param quote marked by `[` and `]` in its text, else the whole text */
export function denialIn(requirement: string, marked: string): string | null {
  const source = marked.replace(/[[\]]/g, '')
  const [start, end] = [marked.indexOf('['), marked.indexOf(']') - 1]
  const span = start < 0 ? { start: 0, end: source.length } : { start, end }
  return findDenial(requirement, subjectOf(requirement), source, span)
}
