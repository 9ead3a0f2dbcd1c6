/** Logs when a collector takes no data: at the first failure, then at growing intervals, and when it takes data again. */
import type { ExportResult } from '@opentelemetry/core'
import { ExportResultCode } from '@opentelemetry/core'
import type { Log } from '../logging/log.ts'

const FIRST_PAUSE_MS = 60_000
const LONGEST_PAUSE_MS = 3_600_000

interface Exporter<T> {
  export(items: T, done: (result: ExportResult) => void): void
}

/**
 * Watches each export of `exporter`, in place.
 * @param what for the log, such as `traces`
 * @param now on any clock, ms
 * @returns the same exporter
 */
export function watched<T, E extends Exporter<T>>(
  exporter: E,
  what: string,
  log: Log,
  now: () => number = () => performance.now(),
): E {
  const send = exporter.export.bind(exporter)
  let failed = 0
  let pauseMs = FIRST_PAUSE_MS
  let tellAtMs = 0

  function saw({ code, error }: ExportResult): void {
    if (code === ExportResultCode.SUCCESS) {
      if (failed > 0) log.info('the collector takes data again', { what, failed })
      failed = 0
      pauseMs = FIRST_PAUSE_MS
      return
    }
    failed++
    if (failed > 1 && now() < tellAtMs) return
    const reason = error?.message.slice(0, 200) ?? 'not told'
    log.warn('the collector does not take data: it is dropped', { what, failed, reason })
    tellAtMs = now() + pauseMs
    pauseMs = Math.min(2 * pauseMs, LONGEST_PAUSE_MS)
  }

  exporter.export = (items: T, done: (result: ExportResult) => void) =>
    send(items, (result) => {
      saw(result)
      done(result)
    })
  return exporter
}
