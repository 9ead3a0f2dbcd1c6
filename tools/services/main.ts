/** A Kafka and a Redis to develop against, started as the tests start theirs; they end with Ctrl-C, and their data with them. */
import { setTimeout as sleep } from 'node:timers/promises'
import { onSignal } from '../lib/on-signal.ts'
import { readOptions } from '../lib/options.ts'
import { envLines, fixedServices, settingsFor } from './fixed.ts'

/** Stopped before both were up. */
const EXIT_INTERRUPTED = 130

const USAGE = `usage: npm run services
  Starts a Kafka and a Redis, prints the lines for .env that lead to them, and keeps them until Ctrl-C.`

readOptions(USAGE, {})
const signal = onSignal()
try {
  const services = await fixedServices(console.error, signal)
  console.error('These lines belong in .env; they stay the same from one start to the next:')
  for (const line of envLines(settingsFor(services))) console.log(line)
  console.error('Ctrl-C ends both services')
  // Keeps the process alive: the services' own handles do not.
  const LONGEST_MS = 2 ** 31 - 1
  await sleep(LONGEST_MS, undefined, { signal }).catch(() => {})
  await services.stop()
} catch (error) {
  if (!signal.aborted) console.error(`services: ${(error as Error).message}`)
  process.exitCode = signal.aborted ? EXIT_INTERRUPTED : 1
}
