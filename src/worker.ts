/** Builds the worker: hands each part its collaborators, starts them in order, and has them ended in the reverse one. */
import { hostname } from 'node:os'
import { createAsk, inTurn } from './pipeline/attempt.ts'
import { budgetSettings, createBudget } from './budget/budget.ts'
import { CallSlots } from './budget/call-slots.ts'
import type { Config } from './config.ts'
import { createDedupe } from './claims/dedupe.ts'
import { beatOf, startHeartbeat } from './ops/heartbeat.ts'
import type { KafkaClients } from './kafka/clients.ts'
import { createConsumer } from './kafka/consumer.ts'
import { createOffsetsView } from './kafka/offsets-view.ts'
import type { ReadBack } from './kafka/outcomes-reader.ts'
import { readBack } from './kafka/outcomes-reader.ts'
import type { Log } from './logging/log.ts'
import type { Secrets } from './logging/redact.ts'
import { readFleetLines } from './ops/fleet-lines.ts'
import { settingsOf } from './ops/fleet-status.ts'
import { startProviderCheck } from './ops/provider-check.ts'
import { startWaitingLog } from './ops/waiting-log.ts'
import { Entrance } from './pipeline/entrance.ts'
import { Pipeline } from './pipeline/pipeline.ts'
import { createAdaptations } from './provider/adaptations.ts'
import { createProvider } from './provider/client.ts'
import { createGate } from './provider/gate.ts'
import { createKeySource } from './provider/key.ts'
import { askStanding } from './provider/standing.ts'
import { createTransport } from './provider/transport.ts'
import { createRecovery } from './claims/recovery.ts'
import { createBudgetRescue } from './claims/budget-rescue.ts'
import { createRetryWhileAway } from './redis/retry.ts'
import { createFleetState } from './claims/trusted-state.ts'
import { createSubscriptions } from './redis/subscriptions.ts'
import { createResultCache } from './scoring/cache.ts'
import { promptVersion } from './scoring/prompt-version.ts'
import { createReviews, recentReviews } from './scoring/reviews.ts'
import { createScoring } from './scoring/scoring.ts'
import { createTokenRatios } from './provider/token-ratios.ts'
import { createTokenEstimator } from './provider/tokens.ts'
import { Turns } from './lib/turns.ts'
import { within } from './kafka/time-limit.ts'
import type { ServiceParts } from './services.ts'
import { connectServices } from './services.ts'
import { TIMINGS } from './timings.ts'

const SAVE_RATIOS_EVERY_MS = 60_000
/**
 * Messages that are held at once, in 32 MB at most: users take turns among so many. Of twice as many the account of what is done
 * above the committed offset could outgrow its metadata, 4 KB with some 4 bytes for each gap.
 */
const WINDOW_MESSAGES = 2_000
/** Of these, so many are claimed and made ready at once (see entrance.ts), or twice as many as there may be calls in flight. */
const READY_MIN_MESSAGES = 256

export type WorkParts = ServiceParts & {
  /** Told of keys that come from files. */
  secrets: Secrets
}

/**
 * Builds the worker, hands each part its collaborators, and works until `stop` aborts and everything in flight is drained. It is
 * long because it is one list: the parts, in the order in which they need each other.
 * Kafka and Redis are waited for while they are away.
 * @throws Error when it cannot go on (a topic that may not be created, a Redis Cluster); the reason of `stop` during the start
 */
export async function work(parts: WorkParts): Promise<void> {
  const { config, worker, log, secrets, releases, stop } = parts
  const { kafka, processedTtlMs } = config
  const { keys, redis, listener, clients, metrics, foreignKeys, telemetry, ops, info } = await connectServices(parts)

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
  const slots = new CallSlots(config.maxCallsInFlight)
  const budget = createBudget({
    redis,
    slots,
    retryWhileAway,
    ...budgetSettings(config.budget, keys),
    worker,
    log,
    subscribe: (channel, receive) => subscriptions.subscribe(channel, receive),
    onLost: () => void rebuildIfAlone().catch(saidUnless(ended.signal, log, 'the budget was not rebuilt')),
  })
  releases.defer('the budget', () => budget.close())
  const adaptations = createAdaptations({ redis, keys, server: config.provider, log })
  await adaptations.load()
  const key = createKeySource(config.provider, log, { learned: (value) => secrets.learn(value) })
  const provider = createProvider({ settings: config.provider, key, transport, adaptations })
  const providerCheck = startProviderCheck({
    settings: config.provider,
    ask: (signal) => askStanding({ settings: config.provider, key, transport }, signal),
    log,
    signal: ended.signal,
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
  const reviews = createReviews({ redis, keys, ttlMs: config.processedTtlMs, log })
  const ratios = createTokenRatios(redis, keys, config.provider.model, log)
  const estimator = createTokenEstimator(config.provider.model, await ratios.load())
  const saving = setInterval(() => void ratios.save(estimator.learned()), SAVE_RATIOS_EVERY_MS)
  releases.defer('what the token estimate learned', () => clearInterval(saving))
  const scoring = createScoring({ config, cache, reviews, estimator, metrics, log })
  const trusted = (signal: AbortSignal) => state.isTrusted(signal)
  const ask = inTurn(provider, createAsk({ dedupe, budget, gate, provider, trusted, metrics, log }))
  // Room for calls, and beside them for what needs none: duplicates and cached results.
  const readyMessages = Math.max(READY_MIN_MESSAGES, 2 * config.maxCallsInFlight)
  const entrance = new Entrance({ most: readyMessages, isFair: config.budget.isFair })
  const turns = new Turns(() => slots.isSending)
  const { capOf } = provider
  const stopped = ended.signal
  const pipeline = new Pipeline({
    config,
    dedupe,
    budget,
    ask,
    entrance,
    turns,
    capOf,
    scoring,
    log,
    metrics,
    telemetry,
    stopped,
  })
  const consumer = createConsumer({
    clients,
    config: kafka,
    processedTtlMs,
    handler: pipeline,
    log,
    hooks: metrics.kafka,
    windowMessages: Math.max(WINDOW_MESSAGES, 2 * readyMessages),
    // Recovery asks whether the group has ever committed (`firstEver` below): our own first commit must come after its decision.
    mayCommitFirst: () => state.isTrusted(ended.signal),
  })

  const rebuildIfAlone = createBudgetRescue({ budget, state, readOutcomes, log, signal: ended.signal })
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
    // A budget that nobody has used before, under a name of its own on a Redis that is in use; or one that was lost before.
    state
      .isTrusted(ended.signal)
      .then(() => budget.open(ended.signal))
      .then((isOpen) => (isOpen ? undefined : rebuildIfAlone())),
  ]
  for (const loop of background) loop.catch(saidUnless(ended.signal, log, 'background work has ended'))

  const who = { host: hostname(), pid: String(process.pid), ...info, settings: settingsOf(config, promptVersion) }
  const beat = async () =>
    beatOf(who, { consumer: consumer.status(), scopes: await provider.identity(), skipped: foreignKeys.counts() })
  releases.defer('the heartbeat', startHeartbeat(redis, keys.worker(worker), beat, log))
  const waiting = () => budget.waiting() + entrance.waiting()
  releases.defer('the lines on waiting', startWaitingLog({ budget, waiting, totals: metrics.totals, log }))
  ops?.show({
    redis,
    keys,
    budget,
    consumer: () => consumer.status(),
    identity: provider.identity,
    providerTrouble: providerCheck.trouble,
    fleet: () =>
      readFleetLines({
        redis,
        keys,
        clients,
        config,
        prompt: promptVersion,
        reviews: () => recentReviews(redis, keys, processedTtlMs),
      }),
    callsInFlight: () => slots.running,
    oldestUnfinishedMs: () => pipeline.oldestUnfinishedMs(),
  })
  const { drainMs, leasesMs } = TIMINGS.shutdown
  const running = consumer.run()
  stop.addEventListener('abort', () => void consumer.stop(drainMs), { once: true })
  if (stop.aborted) await consumer.stop(drainMs)
  log.info('working', { worker })
  await running
  const report = await consumer.stop(drainMs)
  await Promise.all([
    dedupe.releaseAll(AbortSignal.timeout(leasesMs)).catch(saidUnless(ended.signal, log, 'leases are left to expire')),
    within(leasesMs, 'saving what the token estimate learned', ratios.save(estimator.learned())).catch((error: Error) =>
      log.debug('stopping before it was saved', { reason: error.message }),
    ),
    within(leasesMs, 'sending the last traces', telemetry?.flush() ?? Promise.resolve()).catch((error: Error) =>
      log.debug('stopping before the last traces were sent', { reason: error.message }),
    ),
  ])
  log.info('stopped', { why: (stop.reason as Error).message, ...report })
}

/** @returns a function that reads the notifications topic back, for the rebuilding of what Redis has lost */
function outcomesReader({ kafka }: Config, clients: KafkaClients, log: Log) {
  const topic = kafka.topics.notifications
  const groupPrefix = `${kafka.groupId}.read-back`
  return (options: { sinceMs: number; onOutcome: (record: ReadBack) => Promise<void>; signal: AbortSignal }) =>
    readBack({ clients, topic, groupPrefix, log, ...options, onMessage: options.onOutcome })
}

/** Background work ends with its signal; any other end is a fault of ours, which the log must not keep to itself. */
const saidUnless = (ended: AbortSignal, log: Log, what: string) => (error: unknown) => {
  if (!ended.aborted) log.error(what, { reason: error instanceof Error ? error.message : String(error) })
}
