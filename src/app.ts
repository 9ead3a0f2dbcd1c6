/** Runs the worker from its first log line to its last, and releases whatever it acquired in between. */
import { randomUUID } from 'node:crypto'
import { hostname } from 'node:os'
import type { Config } from './config.ts'
import type { Entry } from './logging/line.ts'
import { createLogger } from './logging/logger.ts'
import { createSecrets } from './logging/redact.ts'
import type { Stranger } from './ops/settings-check.ts'
import { createReleaseStack } from './release-stack.ts'
import { checkFiles } from './setting-files.ts'
import { TIMINGS } from './timings.ts'
import { work } from './worker.ts'

export interface App {
  /** Resolves when the worker has stopped; rejects when it cannot go on. Everything is released in both cases. */
  done: Promise<void>
  /** Drains and stops the worker; a second call does nothing. @param why the reason, for the log */
  stop(why: string): void
}

/** Starts the worker in the background. While Kafka or Redis is down, it waits and logs the reason. */
export function startApp(config: Config, strangers: readonly Stranger[] = []): App {
  const stopping = new AbortController()
  return {
    done: run(config, strangers, stopping.signal),
    stop: (why) => stopping.abort(new Error(why)),
  }
}

async function run(config: Config, strangers: readonly Stranger[], stop: AbortSignal): Promise<void> {
  checkFiles(config)
  const worker = `${hostname()}-${process.pid}-${randomUUID().slice(0, 8)}`
  const secrets = createSecrets(secretsOf(config))
  const log = createLogger(config.logs, {
    stdout: process.stdout,
    worker,
    secrets: () => secrets.all(),
    remember: isWithoutScore,
  })
  const releases = createReleaseStack(log)
  try {
    await work({ config, worker, strangers, log, recent: () => log.recent(), secrets, releases, stop })
  } catch (error) {
    if (!stop.aborted) {
      log.error('the worker cannot go on', { reason: (error as Error).message })
      throw error
    }
    log.info('stopped before the start was complete', { why: (stop.reason as Error).message })
  } finally {
    await releases.release(TIMINGS.shutdown.releaseMs)
    await log.close()
  }
}

/** A message that ended without a score: with a failure, a refusal or a dead letter. */
const isWithoutScore = ({ fields: { outcome } }: Entry) =>
  typeof outcome === 'string' && !['success', 'duplicate'].includes(outcome)

/** The values that must never appear in a log. */
function secretsOf({ provider, kafka, redis }: Config): (string | null | undefined)[] {
  const proxy = provider.proxyUrl === null ? null : decodeURIComponent(new URL(provider.proxyUrl).password)
  const login = kafka.sasl?.mechanism === 'oauthbearer' ? kafka.sasl.clientSecret : kafka.sasl?.password
  return [provider.key, login, redis.password, redis.sentinel?.password, proxy]
}
