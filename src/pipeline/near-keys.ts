/** Recognises misspelt request keys: a serializer for JSON sends `"new_request"` in quotes, a shell adds a newline. */
import { REQUEST_KEY } from '../contracts.ts'
import type { Log } from '../logging/log.ts'

/** Allows quotes and white space around the key and any case: no producer means such a difference. */
const DRESSED = /^[\s"']*new_request[\s"']*$/i
const LONGEST_BYTES = REQUEST_KEY.length + 16

/** @param key not `new_request` @returns whether the producer most likely meant `new_request` */
export const isNearKey = (key: Buffer | null): boolean =>
  key !== null && key.length <= LONGEST_BYTES && DRESSED.test(key.toString())

/** @returns a function to call with the key of each skipped message; it warns at the first, tenth, hundredth... misspelt key */
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
