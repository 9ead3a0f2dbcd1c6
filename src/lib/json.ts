/** Reads and writes JSON, on demand without rounding integers beyond 2^53. */
import type { z } from 'zod'

// Node 24 implements the proposal "JSON.parse source text access"; TypeScript's library does not declare it yet.
type Reviver = (this: unknown, key: string, value: unknown, context: { source?: string }) => unknown
const parseWith = JSON.parse as (text: string, reviver: Reviver) => unknown
const rawJSON = (JSON as unknown as { rawJSON: (text: string) => unknown }).rawJSON

/** A number as it was written: `1e3` and `1000` differ, and no digit is lost. */
export class NumberText {
  readonly text: string
  constructor(text: string) {
    this.text = text
  }
}

/**
 * Parses JSON with every number kept as its source text.
 * @returns the value, with a `NumberText` in place of each number
 * @throws SyntaxError when `text` is not JSON, or is nested too deeply: V8 calls the reviver in a recursion
 */
export function parseExact(text: string): unknown {
  try {
    return parseWith(text, (_key, value, { source }) =>
      typeof value === 'number' && source !== undefined ? new NumberText(source) : value,
    )
  } catch (error) {
    if (error instanceof RangeError) throw new SyntaxError('nested too deeply', { cause: error })
    throw error
  }
}

/**
 * @param parse throws SyntaxError for what is not JSON
 * @returns what a schema makes of a JSON text; null when it is not JSON, or does not fit
 */
export function readJson<T>(
  schema: z.ZodType<T>,
  text: string,
  parse: (json: string) => unknown = JSON.parse,
): T | null {
  try {
    return schema.safeParse(parse(text)).data ?? null
  } catch (error) {
    if (error instanceof SyntaxError) return null
    throw error
  }
}

/**
 * Writes JSON with bigints as plain integers.
 * @param indent spaces per level; without it, the text is one line
 * @returns the text, with keys in the order of insertion
 */
export function stringifyExact(value: unknown, indent?: number): string {
  return JSON.stringify(value, (_key, v: unknown) => (typeof v === 'bigint' ? rawJSON(v.toString()) : v), indent)
}
