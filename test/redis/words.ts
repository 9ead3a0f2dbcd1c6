/** Values that the tests of claims share. */

/** The payload's hash. */
export const HASH = 'payload-1'
export const OUTCOME = '{"score":1}'

/** Replies to a claim. */
export const MINE = { kind: 'mine', starts: 0, startsAlone: 0, stored: null }
export const DUPLICATE = { kind: 'duplicate', of: 'claim', conflict: false }
export const MARKED = { kind: 'duplicate', of: 'mark', conflict: false }

let lastId = 9_007_199_254_740_993n
/** @returns an id that no test of the file has used, beyond 2^53 */
export const newId = (): bigint => lastId++
