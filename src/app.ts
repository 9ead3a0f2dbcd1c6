/** Builds the worker: hands each part its collaborators, starts them in order, and ends them in the reverse one. */
import { randomUUID } from 'node:crypto'
import { hostname } from 'node:os'
import { pause } from './abortable.ts'
import { createAloneLock } from './alone.ts'
import { createAsk } from './ask.ts'
import { createBudget } from './budget/budget.ts'
import { createSlots } from './budget/slots.ts'
import type { Config } from './config.ts'
import { createDedupe } from './dedupe.ts'
import { startHeartbeat } from './heartbeat.ts'
import { createKafkaClients } from './kafka/clients.ts'
import type { KafkaClients } from './kafka/clients.ts'
import type { ConsumerHooks, ConsumerStatus } from './kafka/consumer.ts'
import { createConsumer } from './kafka/consumer.ts'
import { createOffsetsView } from './kafka/offsets-view.ts'
import type { ReadBack } from './kafka/outcomes-reader.ts'
import { readBack } from './kafka/outcomes-reader.ts'
import { ensureTopics } from './kafka/topics.ts'
import type { Log } from './log.ts'
import { createLogger } from './logger.ts'
import { createMetrics } from './metrics.ts'
import { startOps } from './ops.ts'
import { createPipeline } from './pipeline.ts'
import { createProvider } from './provider/client.ts'
import { createGate } from './provider/gate.ts'
import { createKeySource } from './provider/key.ts'
import { createTransport } from './provider/transport.ts'
import { createRecovery } from './recovery.ts'
import { createSpendingSums, readRecord } from './recovery/outcomes.ts'
import { connectRedis, redisReady } from './redis/connection.ts'
import { redisKeys } from './redis/keys.ts'
import { createRetryWhileAway } from './redis/retry.ts'
import { createFleetState } from './redis/state.ts'
import { createSubscriptions } from './redis/subscriptions.ts'
import { createResultCache } from './scoring/cache.ts'
import { promptVersion } from './scoring/prompt-version.ts'
import { createScoring } from './scoring/scoring.ts'
import { preflightKafka, preflightRedis } from './preflight.ts'
import type { ReleaseStack } from './shutdown.ts'
import { createTokenEstimator } from './scoring/tokens.ts'
import { createReleaseStack } from './shutdown.ts'
import { VERSION } from './version.ts'

/** Calls in flight have so long to finish once the worker is told to stop; then everything else has a little to close. */
const DRAIN_MS = 25_000
const RELEASE_MS = 2_500
const LEASES_MS = 1_000
/** When the budget's data is gone, recovery is given so long to notice and to make it good with all the rest. */
const LOST_BUDGET_PATIENCE_MS = 15_000
const DAY_MS = 86_400_000

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
  const worker = `${hostname()}-${process.pid}-${randomUUID().slice(0, 8)}`
  const log = createLogger(config.logs, { stdout: process.stdout, worker, secrets: () => secretsOf(config) })
  const releases = createReleaseStack(log)
  try {
    await work(config, worker, log, releases, stop)
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

async function work(
  config: Config,
  worker: string,
  log: Log,
  releases: ReleaseStack,
  stop: AbortSignal,
): Promise<void> {
  const { kafka, processedTtlMs } = config
  log.info('starting', { worker, version: VERSION, group: kafka.groupId, topic: kafka.topics.requests })
  const info = { version: VERSION, model: config.provider.model, prompt: promptVersion }
  const metrics = createMetrics({ process: config.opsPort !== null, info })
  const keys = redisKeys(config.redis.keyPrefix)
  const redis = connectRedis(config.redis, log, { name: worker })
  releases.defer('Redis', () => redis.disconnect())
  const listener = connectRedis(config.redis, log, { name: `${worker}-listener` })
  releases.defer("Redis's messages", () => listener.disconnect())
  const clients = createKafkaClients(kafka, log)
  releases.defer('Kafka', () => clients.close())

  await ensureTopics(clients, kafka, log, stop)
  await redisReady(redis, log, stop)
  await preflightRedis(redis, keys, config, log)
  // Nothing waits for it: where no transaction can be begun, it takes half a minute to find out.
  void preflightKafka(clients, config, log, stop)

  // Everything below runs until the last outcome is published and marked, which is after `stop`.
  const ended = new AbortController()
  releases.defer('background work', () => ended.abort(new Error('the worker has stopped')))
  const transport = createTransport(config.provider.proxyUrl)
  releases.defer('the connections to the provider', () => transport.close())
  const retryWhileAway = createRetryWhileAway({ log, redis })
  const state = createFleetState({ redis, key: keys.state, retryWhileAway })
  const offsets = createOffsetsView(clients, { group: kafka.groupId, topic: kafka.topics.requests }, log)
  const dedupe = createDedupe({
    redis,
    keys,
    state,
    log,
    processedTtlMs,
    ownerStanding: (owner, signal) => offsets.standing(owner, signal),
  })
  const readOutcomes = outcomesReader(config, clients, log)
  const subscriptions = createSubscriptions(listener, log)
  const budget = createBudget({
    redis,
    retryWhileAway,
    prefix: keys.budget(config.budget.name),
    sentinel: keys.state,
    limits: config.budget,
    burst: config.budget.burst,
    maxWaitMs: config.budget.maxWaitMs,
    worker,
    log,
    subscribe: (channel, receive) => subscriptions.subscribe(channel, receive),
    onLost: () => void rebuildBudget().catch(saidUnless(ended.signal, log, 'the budget was not rebuilt')),
  })
  releases.defer('the budget', () => budget.close())
  const provider = createProvider({
    settings: config.provider,
    key: createKeySource(config.provider, log),
    transport,
    log,
  })
  const gate = createGate({ redis, keys, worker, identity: provider.identity, retry: retryWhileAway, log })
  releases.defer('the gate', () => gate.close())
  const cache = createResultCache({
    redis,
    keys,
    retry: retryWhileAway,
    settings: { ...config.provider, promptVersion, verdictMinScore: config.verdictMinScore },
    ttlMs: config.resultCacheTtlMs,
    log,
  })
  const scoring = createScoring({ config, cache, estimator: createTokenEstimator(config.provider.model), metrics, log })
  const slots = createSlots(config.maxCallsInFlight)
  const trusted = (signal: AbortSignal) => state.isTrusted(signal)
  const ask = createAsk({ dedupe, budget, slots, alone: createAloneLock(), gate, provider, trusted, metrics, log })
  const pipeline = createPipeline({ config, dedupe, budget, ask, scoring, log, metrics, stopped: ended.signal })
  let assigned = false
  const hooks: ConsumerHooks = {
    ...metrics.kafka,
    rebalanced(partitions) {
      assigned = true
      metrics.kafka.rebalanced(partitions)
    },
  }
  const consumer = createConsumer({ clients, config: kafka, processedTtlMs, handler: pipeline, log, hooks })

  /** When only the budget's own data is gone, nobody else notices: put back what the last day's outcomes tell. */
  async function rebuildBudget(): Promise<void> {
    await state.isTrusted(ended.signal)
    await pause(LOST_BUDGET_PATIENCE_MS, ended.signal)
    if ((await budget.status()).open) return
    const spendings = createSpendingSums()
    const onOutcome = async (record: ReadBack) => {
      const { spending } = readRecord(record)
      if (spending !== null) spendings.add(spending)
    }
    await readOutcomes({ sinceMs: Date.now() - DAY_MS, onOutcome, signal: ended.signal })
    await budget.rebuild(spendings.list(), ended.signal)
  }

  const recovery = createRecovery({
    redis,
    keys,
    state,
    log,
    processedTtlMs,
    reassertHeld: (signal) => dedupe.reassertHeld(signal),
    readOutcomes,
    firstEver: async () => !(await offsets.groupHasCommitted()) && (await offsets.isEmpty(kafka.topics.notifications)),
    budget: {
      open: async (signal) => void (await budget.open(signal)),
      closeFor: (ms, signal) => budget.closeFor(ms, signal),
      rebuild: (spendings, signal) => budget.rebuild(spendings, signal),
    },
  })
  const background = [
    recovery.run(ended.signal),
    dedupe.run(ended.signal),
    // A budget that nobody has used before, under a name of its own on a Redis that is in use.
    state.isTrusted(ended.signal).then(() => budget.open(ended.signal)),
  ]
  for (const loop of background) loop.catch(saidUnless(ended.signal, log, 'background work has ended'))

  releases.defer(
    'the heartbeat',
    startHeartbeat(redis, keys.worker(worker), () => facts(consumer.status()), log),
  )
  if (config.opsPort !== null) {
    const ops = await startOps({
      port: config.opsPort,
      redis,
      keys,
      budget,
      metrics,
      log,
      consumer: () => consumer.status(),
      assigned: () => assigned,
      callsInFlight: () => slots.counts().running,
      oldestUnfinishedMs: () => pipeline.oldestUnfinishedMs(),
    })
    releases.defer('probes and metrics', () => ops.close())
  }
  const running = consumer.run()
  stop.addEventListener('abort', () => void consumer.stop(DRAIN_MS), { once: true })
  if (stop.aborted) await consumer.stop(DRAIN_MS)
  log.info('working', { worker })
  await running
  const report = await consumer.stop(DRAIN_MS)
  await dedupe
    .releaseAll(AbortSignal.timeout(LEASES_MS))
    .catch(saidUnless(ended.signal, log, 'leases are left to expire'))
  log.info('stopped', { why: (stop.reason as Error).message, ...report })
}

/** @returns a function that reads the notifications topic back, for the rebuilding of what Redis has lost */
function outcomesReader({ kafka }: Config, clients: KafkaClients, log: Log) {
  const topic = kafka.topics.notifications
  const groupPrefix = `${kafka.groupId}.read-back`
  return (options: { sinceMs: number; onOutcome: (record: ReadBack) => Promise<void>; signal: AbortSignal }) =>
    readBack({ clients, topic, groupPrefix, log, ...options, onMessage: options.onOutcome })
}

/** What `npm run status` shows of a worker. */
function facts({ partitions, window }: ConsumerStatus): Record<string, string> {
  return {
    host: hostname(),
    pid: String(process.pid),
    version: VERSION,
    partitions: partitions.map(({ partition }) => partition).join(','),
    inFlight: String(partitions.reduce((sum, { running }) => sum + running, 0)),
    window: String(window.messages),
  }
}

/** What must never stand in a log, whoever writes it there. */
function secretsOf({ provider, kafka, redis }: Config): string[] {
  const proxy = provider.proxyUrl === null ? null : decodeURIComponent(new URL(provider.proxyUrl).password)
  return [provider.key, kafka.sasl?.password, redis.password, proxy].filter(
    (secret): secret is string => typeof secret === 'string' && secret !== '',
  )
}

/** Background work ends with its signal; any other end is a fault of ours, which the log must not keep to itself. */
const saidUnless = (ended: AbortSignal, log: Log, what: string) => (error: unknown) => {
  if (!ended.aborted) log.error(what, { reason: error instanceof Error ? error.message : String(error) })
}
