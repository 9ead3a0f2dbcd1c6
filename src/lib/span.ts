/** A part of a text, in UTF-16 units: from `start` to before `end`. */
export interface Span {
  start: number
  end: number
}
