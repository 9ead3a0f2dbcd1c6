/** Counts the messages that are skipped because of a foreign key, and warns while they keep coming. */
import type { Log } from '../logging/log.ts'

/** Distinct keys that are counted one by one; all others are counted together. */
const MAX_KEYS = 20
const SHOWN_CHARS = 40
const TELL_EVERY_MS = 60_000
/** How long the first line waits for more, since a backlog is skipped over several turns of the event loop and several fetches. */
const FIRST_AFTER_MS = 1_000
const REST = 'others'

export interface ForeignKeys {
  /** Counts a skipped message. */
  count(key: Buffer | null): void
  /** @returns messages that this worker has skipped since its start, by the key as shown to people */
  counts(): Record<string, number>
  /** Tells what is not told yet, and stops the warnings. */
  close(): void
}

/**
 * @param expected the key that is ours
 * @returns a counter that warns a second after the first message, and then once a minute, with the count since, while more come
 */
export function createForeignKeys(expected: string, log: Log): ForeignKeys {
  const counts = new Map<string, number>()
  let total = 0
  let toldTotal = 0
  let timer: NodeJS.Timeout | null = null

  function tell(): void {
    timer = null
    if (total === toldTotal) return
    const byKey = [...counts].map(([key, count]) => `${key}: ${count}`).join(', ')
    log.warn(`messages are skipped: their key is not ${expected}`, { skipped: total - toldTotal, sinceStart: byKey })
    toldTotal = total
    tellIn(TELL_EVERY_MS)
  }

  function tellIn(ms: number): void {
    timer = setTimeout(tell, ms)
    timer.unref()
  }

  return {
    count(key) {
      const shown = shownKey(key)
      const name = counts.has(shown) || counts.size < MAX_KEYS ? shown : REST
      counts.set(name, (counts.get(name) ?? 0) + 1)
      total++
      if (timer === null) tellIn(FIRST_AFTER_MS)
    },
    counts: () => Object.fromEntries(counts),
    close() {
      if (timer !== null) clearTimeout(timer)
      tell()
      if (timer !== null) clearTimeout(timer)
      timer = null
    },
  }
}

/** @returns a key for people: quoted, with unprintable characters escaped, cut after 40 characters; `none` when it is missing */
export function shownKey(key: Buffer | null): string {
  if (key === null) return 'none'
  const text = key.subarray(0, 4 * SHOWN_CHARS).toString()
  const characters = Array.from(text)
  const cut = characters.length > SHOWN_CHARS || key.length > 4 * SHOWN_CHARS
  const plain = characters.slice(0, SHOWN_CHARS).join('').replaceAll(UNPRINTABLE, escaped)
  return `${JSON.stringify(plain)}${cut ? '...' : ''}`
}

/** Control characters, separators, direction marks, invisible characters and lone surrogates. */
const UNPRINTABLE = /[\p{C}\p{Zl}\p{Zp}]/gu

const escaped = (character: string) => `\\u{${(character.codePointAt(0) ?? 0).toString(16)}}`
