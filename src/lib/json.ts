/** JSON in which integers beyond 2^53 arrive and leave unchanged. */

// Node 24 has both halves of the "JSON.parse source text access" proposal; TypeScript's library does not know them yet.
type Reviver = (this: unknown, key: string, value: unknown, context: { source?: string }) => unknown
const parse = JSON.parse as (text: string, reviver: Reviver) => unknown
const rawJSON = (JSON as unknown as { rawJSON: (text: string) => unknown }).rawJSON

/** A number as it stood in the text: `1e3` and `1000` are told apart, and no digit is lost. */
export class NumberText {
  readonly text: string
  constructor(text: string) {
    this.text = text
  }
}

/**
 * Parses JSON with every number kept as its source text.
 * @returns the value, with a `NumberText` in the place of each number
 * @throws SyntaxError when `text` is no JSON
 */
export function parseExact(text: string): unknown {
  return parse(text, (_key, value, { source }) =>
    typeof value === 'number' && source !== undefined ? new NumberText(source) : value,
  )
}

/**
 * Writes JSON with bigints as plain integers.
 * @param indent spaces for each level; none gives one line
 * @returns the text; keys stand in the order of their insertion
 */
export function stringifyExact(value: unknown, indent?: number): string {
  return JSON.stringify(value, (_key, v: unknown) => (typeof v === 'bigint' ? rawJSON(v.toString()) : v), indent)
}
