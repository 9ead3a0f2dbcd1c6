/** Reads and writes JSON without rounding integers beyond 2^53. */

// Node 24 implements the proposal "JSON.parse source text access"; TypeScript's library does not declare it yet.
type Reviver = (this: unknown, key: string, value: unknown, context: { source?: string }) => unknown
const parse = JSON.parse as (text: string, reviver: Reviver) => unknown
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
 * @throws SyntaxError when `text` is not JSON
 */
export function parseExact(text: string): unknown {
  return parse(text, (_key, value, { source }) =>
    typeof value === 'number' && source !== undefined ? new NumberText(source) : value,
  )
}

/**
 * Writes JSON with bigints as plain integers.
 * @param indent spaces per level; without it, the text is one line
 * @returns the text, with keys in the order of insertion
 */
export function stringifyExact(value: unknown, indent?: number): string {
  return JSON.stringify(value, (_key, v: unknown) => (typeof v === 'bigint' ? rawJSON(v.toString()) : v), indent)
}
