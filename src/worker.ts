/** Builds the worker, starts it, and drains it when it is told to stop; worker-parts.ts builds its parts. */
import { hostname } from 'node:os'
import { createRecovery } from './claims/recovery.ts'
import type { KafkaConsumer } from './kafka/consumer.ts'
import { createConsumer } from './kafka/consumer.ts'
import { within } from './kafka/time-limit.ts'
import { Turns } from './lib/turns.ts'
import { readFleetLines } from './ops/fleet-lines.ts'
import { settingsOf } from './ops/fleet-status.ts'
import { beatOf, startHeartbeat } from './ops/heartbeat.ts'
import { startWaitingLog } from './ops/waiting-log.ts'
import { createAsk, afterFormSearch } from './pipeline/attempt.ts'
import { Entrance } from './pipeline/entrance.ts'
import { Pipeline } from './pipeline/pipeline.ts'
import { createRetryWhileAway } from './redis/retry.ts'
import { promptVersion } from './scoring/prompt-version.ts'
import { recentReviews } from './scoring/reviews.ts'
import { connectServices } from './services.ts'
import { TIMINGS } from './timings.ts'
import type { Base, Claims, WorkParts } from './worker-parts.ts'
import { connectProvider, createClaims, createScorer, createSharedBudget, saidUnless } from './worker-parts.ts'

/**
 * The most messages in handlers, or completed and not yet published, at once: this many, or four times MAX_CALLS_IN_FLIGHT, if that is
 * more; 32 MB at most. Users take turns among them. With many more, the list of done offsets may outgrow the metadata of a commit (4 KB,
 * some 4 bytes for each gap): the partition then starts nothing more until its oldest message is done (kafka/outbox.ts).
 */
const WINDOW_MESSAGES = 2_000
/**
 * How many of these may be claimed and prepared at once: this many, or twice MAX_CALLS_IN_FLIGHT, if that is more. With fair turns up
 * to twice as many may be (see entrance.ts).
 */
const READY_MIN_MESSAGES = 256

/**
 * Builds the worker and works until `stop` aborts and the worker is drained. Waits for Kafka and Redis while they are away.
 * @throws Error when it cannot go on (a topic that may not be created, a Redis Cluster); the reason of `stop` during the start
 */
export async function work(parts: WorkParts): Promise<void> {
  const { config, worker, log, releases, stop } = parts
  const services = await connectServices(parts)
  const ended = new AbortController()
  releases.defer('background work', () => ended.abort(new Error('the worker has stopped')))
  const retryWhileAway = createRetryWhileAway({ log, redis: services.redis })
  const base: Base = { ...parts, ...services, retryWhileAway, ended: ended.signal }

  const claims = createClaims(base)
  const model = await connectProvider(base)
  const shared = createSharedBudget(base, claims)
  const scorer = await createScorer(base)
  // Room for calls, and beside them for what needs none: duplicates and cached results.
  const readyMessages = Math.max(READY_MIN_MESSAGES, 2 * config.maxCallsInFlight)
  const entrance = new Entrance({ most: readyMessages, isFair: config.budget.isFair })
  const pipeline = createPipeline(base, claims, model, shared, scorer, entrance)
  const consumer = createConsumer({
    clients: services.clients,
    config: config.kafka,
    processedTtlMs: config.processedTtlMs,
    handler: pipeline,
    log,
    hooks: services.metrics.kafka,
    windowMessages: Math.max(WINDOW_MESSAGES, 2 * readyMessages),
    // Recovery asks whether the group has ever committed (`firstEver`): this worker's first commit must come after its decision.
    mayCommitFirst: () => claims.state.untilTrusted(ended.signal),
  })

  startBackground(base, claims, shared)
  startTelling(base, model, shared, { consumer, entrance, pipeline })
  const { drainMs } = TIMINGS.shutdown
  const running = consumer.run()
  stop.addEventListener('abort', () => void consumer.stop(drainMs), { once: true })
  if (stop.aborted) await consumer.stop(drainMs)
  log.info('working', { worker })
  await running
  const report = await consumer.stop(drainMs)
  await saveLast(base, claims, scorer)
  log.info('stopped', { why: (stop.reason as Error).message, ...report })
}

type Model = Awaited<ReturnType<typeof connectProvider>>
type Shared = ReturnType<typeof createSharedBudget>
type Scorer = Awaited<ReturnType<typeof createScorer>>

function createPipeline(
  { config, metrics, telemetry, log, ended }: Base,
  { dedupe, state }: Claims,
  { provider, gate }: Model,
  { budget, slots }: Shared,
  { scoring }: Scorer,
  entrance: Entrance,
): Pipeline {
  const untilTrusted = (signal: AbortSignal) => state.untilTrusted(signal)
  const ask = afterFormSearch(provider, createAsk({ dedupe, budget, gate, provider, untilTrusted, metrics, log }))
  const turns = new Turns(() => slots.isSending)
  const { capOf } = provider
  return new Pipeline({
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
    stopped: ended,
  })
}

/** Keeps claims alive, recovers what Redis has lost, and makes the budget usable; until `ended`. */
function startBackground(
  { config, redis, keys, log, ended }: Base,
  { state, dedupe, offsets, readOutcomes }: Claims,
  { budget, rebuildIfAlone }: Shared,
): void {
  const { notifications } = config.kafka.topics
  const recovery = createRecovery({
    redis,
    keys,
    state,
    log,
    processedTtlMs: config.processedTtlMs,
    reassertHeld: (signal) => dedupe.reassertHeld(signal),
    readOutcomes,
    firstEver: async () => !(await offsets.groupHasCommitted()) && (await offsets.isEmpty(notifications)),
    budget: {
      initialise: async (signal) => void (await budget.initialise(signal)),
      closeFor: (ms, signal) => budget.closeFor(ms, signal),
      rebuild: (spendings, signal) => budget.rebuild(spendings, signal),
    },
  })
  // A budget that cannot be initialised was lost before this worker started, or Redis has lost data again.
  const initialiseBudget = async () => {
    await state.untilTrusted(ended)
    if (!(await budget.initialise(ended))) await rebuildIfAlone()
  }
  for (const loop of [recovery.run(ended), dedupe.run(ended), initialiseBudget()])
    loop.catch(saidUnless(ended, log, 'background work has ended'))
}

/** Tells operators what the worker does: its heartbeat in Redis, the lines on what waits, the probes and metrics. */
function startTelling(
  base: Base,
  { provider, providerCheck }: Model,
  { budget, slots }: Shared,
  parts: { consumer: KafkaConsumer; entrance: Entrance; pipeline: Pipeline },
): void {
  const { config, worker, redis, keys, clients, metrics, foreignKeys, ops, info, log, releases } = base
  const { consumer, entrance, pipeline } = parts
  const who = { host: hostname(), pid: String(process.pid), ...info, settings: settingsOf(config, promptVersion) }
  const beat = async () =>
    beatOf(who, { consumer: consumer.status(), scopes: await provider.identity(), skipped: foreignKeys.counts() })
  releases.defer('the heartbeat', startHeartbeat(redis, keys.worker(worker), beat, log))
  const waiting = () => budget.waiting() + entrance.waiting()
  releases.defer('the lines on waiting', startWaitingLog({ budget, waiting, totals: metrics.totals, log }))
  const reviews = () => recentReviews(redis, keys, config.processedTtlMs)
  ops?.show({
    redis,
    keys,
    budget,
    consumer: () => consumer.status(),
    identity: provider.identity,
    providerTrouble: providerCheck.trouble,
    fleet: () => readFleetLines({ redis, keys, clients, config, prompt: promptVersion, reviews }),
    callsInFlight: () => slots.running,
    oldestUncommittedMs: () => pipeline.oldestUncommittedMs(),
  })
}

/** Gives the leases back and saves what is still in memory, each within its limit; a failure costs time or figures, no message. */
async function saveLast({ telemetry, log, ended }: Base, { dedupe }: Claims, { saveRatios }: Scorer): Promise<void> {
  const { leasesMs } = TIMINGS.shutdown
  const told = (line: string) => (error: Error) => log.debug(line, { reason: error.message })
  const traces = telemetry?.flush() ?? Promise.resolve()
  await Promise.all([
    dedupe
      .releaseAll(AbortSignal.timeout(leasesMs))
      .catch(saidUnless(ended, log, 'could not release all leases: they will expire')),
    within(leasesMs, 'saving the learned token ratios', saveRatios()).catch(
      told('stopping before the learned token ratios were saved'),
    ),
    within(leasesMs, 'sending the last traces', traces).catch(told('stopping before the last traces were sent')),
  ])
}
