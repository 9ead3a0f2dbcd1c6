/** Brings up Kafka and Redis once for the whole run and tells the tests where they are. */
import type { TestProject } from 'vitest/node'

declare module 'vitest' {
  export interface ProvidedContext {
    kafkaBrokers: string[]
    redisUrl: string
  }
}

export default function setup(project: TestProject) {
  project.provide('kafkaBrokers', (process.env['KAFKA_BOOTSTRAP_SERVERS'] ?? 'localhost:19092').split(','))
  project.provide(
    'redisUrl',
    `redis://${process.env['REDIS_HOST'] ?? 'localhost'}:${process.env['REDIS_PORT'] ?? '16379'}`,
  )
}
