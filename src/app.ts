/** The worker from its first log line to its last: everything that is acquired in between is given back. */
import { randomUUID } from 'node:crypto'
import { readFileSync } from 'node:fs'
import { hostname } from 'node:os'
import type { Config } from './config.ts'
import { ConfigError } from './config.ts'
import { createLogger } from './logging/logger.ts'
import { createReleaseStack } from './release-stack.ts'
import { work } from './worker.ts'

/** What does not close in time is left to the operating system. */
const RELEASE_MS = 2_500

export interface App {
  /** Resolves when the worker has stopped; rejects when it cannot go on, with everything released. */
  done: Promise<void>
  /** Drains and ends, once. @param why for the log */
  stop(why: string): void
}

/** Starts at once and in the background: a Kafka or Redis that is down is waited for, with the reason in the log. */
export function startApp(config: Config): App {
  const stopping = new AbortController()
  return {
    done: run(config, stopping.signal),
    stop: (why) => stopping.abort(new Error(why)),
  }
}

async function run(config: Config, stop: AbortSignal): Promise<void> {
  checkFiles(config)
  const worker = `${hostname()}-${process.pid}-${randomUUID().slice(0, 8)}`
  const log = createLogger(config.logs, { stdout: process.stdout, worker, secrets: () => secretsOf(config) })
  const releases = createReleaseStack(log)
  try {
    await work({ config, worker, log, releases, stop })
  } catch (error) {
    if (!stop.aborted) {
      log.error('the worker cannot go on', { reason: (error as Error).message })
      throw error
    }
    log.info('stopped before the start was through', { why: (stop.reason as Error).message })
  } finally {
    await releases.release(RELEASE_MS)
    await log.close()
  }
}

/** What must never stand in a log, whoever writes it there. */
function secretsOf({ provider, kafka, redis }: Config): string[] {
  const proxy = provider.proxyUrl === null ? null : decodeURIComponent(new URL(provider.proxyUrl).password)
  return [provider.key, kafka.sasl?.password, redis.password, proxy].filter(
    (secret): secret is string => typeof secret === 'string' && secret !== '',
  )
}

/** @throws ConfigError that names every setting whose file cannot be read, or is empty */
function checkFiles({ kafka, redis, provider }: Config): void {
  const files = {
    KAFKA_TLS_CA_FILE: kafka.tls?.caFile,
    REDIS_TLS_CA_FILE: redis.tls?.caFile,
    OPENAI_KEY_FILE: provider.keyFile,
  }
  const problems = Object.entries(files).flatMap(([name, path]) => {
    if (path == null) return []
    try {
      return readFileSync(path, 'utf8').trim() === '' ? [`${name} must name a file that is not empty`] : []
    } catch (error) {
      return [`${name} must name a file that can be read (${(error as NodeJS.ErrnoException).code ?? 'unknown'})`]
    }
  })
  if (problems.length > 0) throw new ConfigError(problems)
}
