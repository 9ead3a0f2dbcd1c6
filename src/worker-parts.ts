/** The parts of the worker in groups, each built from what `connectServices` has connected; worker.ts puts them together. */
import { budgetSettings, createBudget } from './budget/budget.ts'
import { CallSlots } from './budget/call-slots.ts'
import { createBudgetRescue } from './claims/budget-rescue.ts'
import { createDedupe } from './claims/dedupe.ts'
import { createFleetState } from './claims/trusted-state.ts'
import type { Config } from './config.ts'
import type { KafkaClients } from './kafka/clients.ts'
import { createOffsetsView } from './kafka/offsets-view.ts'
import type { ReadBack } from './kafka/outcomes-reader.ts'
import { readBack } from './kafka/outcomes-reader.ts'
import type { Log } from './logging/log.ts'
import type { Secrets } from './logging/redact.ts'
import { startProviderCheck } from './ops/provider-check.ts'
import { createAdaptations } from './provider/adaptations.ts'
import { createProvider } from './provider/client.ts'
import { createGate } from './provider/gate.ts'
import { createKeySource } from './provider/key.ts'
import { checkAccess } from './provider/check-access.ts'
import { createTokenRatios } from './provider/token-ratios.ts'
import { createTokenEstimator } from './provider/tokens.ts'
import { createTransport } from './provider/transport.ts'
import type { RetryWhileAway } from './redis/retry.ts'
import { createSubscriptions } from './redis/subscriptions.ts'
import { createResultCache } from './scoring/cache.ts'
import { promptVersion } from './scoring/prompt-version.ts'
import { createReviews } from './scoring/reviews.ts'
import { createScoring } from './scoring/scoring.ts'
import type { connectServices, ServiceParts } from './services.ts'

const SAVE_RATIOS_EVERY_MS = 60_000

export type WorkParts = ServiceParts & {
  /** Told of keys that come from files. */
  secrets: Secrets
}

/** What every group of parts is built from. */
export type Base = WorkParts &
  Awaited<ReturnType<typeof connectServices>> & {
    retryWhileAway: RetryWhileAway
    /** Aborts later than `stop`: when nothing more is published or marked. */
    ended: AbortSignal
  }

export type Claims = ReturnType<typeof createClaims>

/** Who works on which id, whether Redis can be trusted on it, and what is read from Kafka to judge that. */
export function createClaims({ config, redis, keys, clients, log, retryWhileAway }: Base) {
  const { kafka, processedTtlMs } = config
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
  return { state, offsets, dedupe, readOutcomes: outcomesReader(config, clients, log) }
}

/** The provider's client, the check whether the provider accepts this worker's calls, and the gate that holds calls while it does not. */
export async function connectProvider({ config, redis, keys, worker, log, secrets, releases, ...rest }: Base) {
  const { provider: settings } = config
  const transport = createTransport(settings.proxyUrl)
  releases.defer('the connections to the provider', () => transport.close())
  const adaptations = createAdaptations({ redis, keys, server: settings, log })
  await adaptations.load()
  const key = createKeySource(settings, log, { learned: (value) => secrets.learn(value) })
  const provider = createProvider({ settings, key, transport, adaptations })
  const providerCheck = startProviderCheck({
    settings,
    ask: (signal) => checkAccess({ settings, key, transport }, signal),
    log,
    signal: rest.ended,
  })
  const gate = createGate({ redis, keys, worker, identity: provider.identity, retry: rest.retryWhileAway, log })
  releases.defer('the gate', () => gate.close())
  return { provider, providerCheck, gate }
}

/** The budget that all workers share, the slots for this worker's own calls, and what rebuilds a budget that Redis has lost. */
export function createSharedBudget(base: Base, { state, readOutcomes }: Claims) {
  const { config, redis, listener, keys, worker, log, releases, retryWhileAway, ended } = base
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
    onLost: () => void rebuildIfAlone().catch(saidUnless(ended, log, 'could not rebuild the budget')),
  })
  releases.defer('the budget', () => budget.close())
  const rebuildIfAlone = createBudgetRescue({ budget, state, readOutcomes, log, signal: ended })
  return { budget, slots, rebuildIfAlone }
}

/** What turns a request into a prompt and an answer into a score, and the estimate of tokens, which learns from each answer. */
export async function createScorer(base: Base) {
  const { config, redis, keys, log, metrics, releases, retryWhileAway } = base
  const { provider, verdictMinScore, processedTtlMs } = config
  const cache = createResultCache({
    redis,
    keys,
    retry: retryWhileAway,
    settings: { ...provider, promptVersion, verdictMinScore },
    ttlMs: config.resultCacheTtlMs,
    log,
  })
  const reviews = createReviews({ redis, keys, ttlMs: processedTtlMs, log })
  const ratios = createTokenRatios(redis, keys, provider.model, log)
  const estimator = createTokenEstimator(provider.model, await ratios.load())
  const saveRatios = () => ratios.save(estimator.learned())
  const saving = setInterval(() => void saveRatios(), SAVE_RATIOS_EVERY_MS)
  releases.defer('the learned token ratios', () => clearInterval(saving))
  return { scoring: createScoring({ config, cache, reviews, estimator, metrics, log }), saveRatios }
}

/** @returns a function that reads the notifications topic back, so that lost data of Redis can be rebuilt */
function outcomesReader({ kafka }: Config, clients: KafkaClients, log: Log) {
  const topic = kafka.topics.notifications
  const groupPrefix = `${kafka.groupId}.read-back`
  return (options: { sinceMs: number; onOutcome: (record: ReadBack) => Promise<void>; signal: AbortSignal }) =>
    readBack({ clients, topic, groupPrefix, log, ...options, onMessage: options.onOutcome })
}

/** @returns a handler that logs the error of background work, unless the work was ended by its signal */
export const saidUnless = (ended: AbortSignal, log: Log, what: string) => (error: unknown) => {
  if (!ended.aborted) log.error(what, { reason: error instanceof Error ? error.message : String(error) })
}
