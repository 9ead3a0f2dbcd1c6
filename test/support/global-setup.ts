/** Brings up Kafka and Redis once for the whole run and tells the tests where they are. */
import type { TestProject } from 'vitest/node'

import { getServices, withTestEnv } from '../../tools/services/ladder.ts'

declare module 'vitest' {
  export interface ProvidedContext {
    kafkaBrokers: string[]
    redisUrl: string
  }
}

/** Enough for the first download on a slow line; a start takes seconds. */
const LIMIT_MS = 20 * 60_000

export default async function setup(project: TestProject) {
  const services = await getServices({
    env: withTestEnv(process.env),
    say: (line) => process.stdout.write(`${line}\n`),
    signal: AbortSignal.timeout(LIMIT_MS),
  })
  project.provide('kafkaBrokers', services.kafkaBrokers)
  project.provide('redisUrl', services.redisUrl)
  return () => services.stop()
}
