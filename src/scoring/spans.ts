/** Parts of a text. */

/** In UTF-16 units: from `start` to before `end`. */
export interface Span {
  start: number
  end: number
}

/** What was found, and where. */
export interface Hit extends Span {
  kind: string
}
