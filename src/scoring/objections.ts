/**
 * Finds what a quote and its clauses say against the requirement that it should prove. The rules are narrow on purpose; everything else is
 * left to the model.
 */
import { MAX_CHARS } from './clauses.ts'
import { findDenial } from './denials.ts'
import { readable } from './letters.ts'
import type { Least } from './measures.ts'
import { fallsShort } from './measures.ts'
import type { Span } from '../lib/span.ts'
import type { Subject } from './relatedness.ts'

/** The quote's clause denies what is required or only plans it; or both state years or a language level, and the quote's are lower. */
export type Objection = 'denied' | 'planned' | 'falls_short'

/** A requirement as the rules read it. */
export interface Asked extends Least {
  requirement: string
  subject: Subject
}

/** @returns what the quote and its clauses say against the requirement; null: nothing that can be known */
export function objectionOf(asked: Asked, source: string, span: Span): Objection | null {
  const quote = readable(source.slice(span.start, Math.min(span.end, span.start + MAX_CHARS)))
  return fallsShort(quote, asked) ? 'falls_short' : findDenial(asked.requirement, asked.subject, source, span)
}
