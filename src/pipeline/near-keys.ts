/** Keys that a producer meant to be ours: a serializer for JSON sends `"new_request"` with its quotes, a shell adds a newline. */
import { REQUEST_KEY } from '../contracts.ts'
import type { Log } from '../logging/log.ts'

/** Quotes around it, white space, other case: none of it is ever a difference that somebody means. */
const DRESSED = /^[\s"']*new_request[\s"']*$/i
const LONGEST_BYTES = REQUEST_KEY.length + 16

/** @returns whether the key, which is not ours, was most likely meant to be */
export const isNearKey = (key: Buffer | null): boolean =>
  key !== null && key.length <= LONGEST_BYTES && DRESSED.test(key.toString())

/** @returns what to call with each message whose key is not ours; it warns of near keys: the first, the tenth, the hundredth... */
export function createNearKeyWatch(
  log: Log,
): (message: { key: Buffer | null; partition: number; offset: bigint }) => void {
  let seen = 0
  let next = 1
  return ({ key, partition, offset }) => {
    if (!isNearKey(key)) return
    seen++
    if (seen < next) return
    next *= 10
    const fields = { key: JSON.stringify(key?.toString()), seen, partition, offset }
    log.warn(
      `messages are skipped since their key is not quite ${REQUEST_KEY}: see the producer's key serializer`,
      fields,
    )
  }
}
