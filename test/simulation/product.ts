/** The product's claims, budget, gate and pipeline, put together as src/worker.ts does, on simulated collaborators. */
import { createBudget } from '../../src/budget/budget.ts'
import { CallSlots } from '../../src/budget/call-slots.ts'
import { createBudgetRescue } from '../../src/claims/budget-rescue.ts'
import { createDedupe } from '../../src/claims/dedupe.ts'
import type { RecoveryOptions } from '../../src/claims/recovery.ts'
import { createRecovery } from '../../src/claims/recovery.ts'
import { createFleetState } from '../../src/claims/trusted-state.ts'
import type { Handler } from '../../src/kafka/messages.ts'
import type { Standing } from '../../src/kafka/offsets-view.ts'
import { Turns } from '../../src/lib/turns.ts'
import { createAsk } from '../../src/pipeline/attempt.ts'
import { Entrance } from '../../src/pipeline/entrance.ts'
import { Pipeline } from '../../src/pipeline/pipeline.ts'
import { createGate } from '../../src/provider/gate.ts'
import type { Question, Reply } from '../../src/provider/reply.ts'
import { createRetryWhileAway } from '../../src/redis/retry.ts'
import type { Lane, VirtualClock } from './clock.ts'
import type { Invariants } from './invariants.ts'
import type { Client, MemoryKafka } from './kafka.ts'
import type { ScriptedRedis } from './redis.ts'
import type { Park } from './scheduler.ts'
import {
  BUDGET,
  EPOCH,
  faultLog,
  GATE_TIMINGS,
  GROUP,
  KEYS,
  METRICS,
  PROCESSED_TTL_MS,
  SCORING,
  TOPICS,
} from './settings.ts'
import type { Workload } from './workload.ts'
import { RESERVED_TOKENS } from './workload.ts'

export interface WorkerParts {
  name: string
  clock: VirtualClock
  kafka: MemoryKafka
  redis: ScriptedRedis
  park: Park
  invariants: Invariants
  askModel: (lane: Lane, question: Question) => Promise<Reply>
  workload: Workload
}

const CALLS_IN_FLIGHT = 3

/**
 * Long, because it puts the real parts together.
 * @returns what a partition needs, and the claims; background work runs until the worker's lane is dead
 */
export function buildProduct(parts: WorkerParts, client: Client) {
  const { name, kafka, redis: scripted, park, invariants, workload } = parts
  const { lane } = client
  const log = faultLog((text) => lane.state !== 'dead' && invariants.violate(`${name}: ${text}`))
  const redis = scripted.connectionOf(lane, park, (script, keys, reply) => invariants.ran(script, keys, reply))
  const clients = kafka.clientsOf(client, park)
  const retryWhileAway = createRetryWhileAway({ log, redis })
  const state = createFleetState({ redis, key: KEYS.state, retryWhileAway })
  state.adopt(EPOCH, 0)
  const askKafka = <T>(label: string, execute: () => T) =>
    park(lane, { service: 'kafka', label, lost: () => new Error('no connection') }, execute)
  const standing = (partition: number, offset: bigint): Standing =>
    kafka.isCommitted(partition, offset) ? 'committed' : 'due'
  const dedupe = createDedupe({
    redis,
    keys: KEYS,
    state,
    log,
    processedTtlMs: PROCESSED_TTL_MS,
    ownerStanding: ({ partition, offset }) =>
      untilAnswered(() => askKafka(`standing ${partition}/${offset}`, () => standing(partition, offset))),
  })
  const slots = new CallSlots(CALLS_IN_FLIGHT)
  const { requestsPerMinute, tokensPerMinute, maxWaitMs } = workload
  const budget = createBudget({
    redis,
    slots,
    retryWhileAway,
    ...BUDGET,
    limits: { requestsPerMinute, requestsPerDay: null, tokensPerMinute, tokensPerDay: null },
    burst: null,
    maxWaitMs,
    worker: name,
    log,
    subscribe: () => () => {},
    onLost: () => void rebuildIfAlone(),
  })
  const readOutcomes: RecoveryOptions['readOutcomes'] = async ({ sinceMs, onOutcome }) => {
    for (const each of await askKafka('outcomes', () => kafka.outcomesSince(sinceMs))) await onOutcome(each)
  }
  const rebuildIfAlone = createBudgetRescue({ budget, state, readOutcomes, log, signal: NEVER })
  const recovery = createRecovery({
    redis,
    keys: KEYS,
    state,
    log,
    processedTtlMs: PROCESSED_TTL_MS,
    reassertHeld: (signal) => dedupe.reassertHeld(signal),
    readOutcomes,
    firstEver: () => Promise.resolve(false),
    budget: {
      initialise: async (signal) => void (await budget.initialise(signal)),
      closeFor: (ms, signal) => budget.closeFor(ms, signal),
      rebuild: (spendings, signal) => budget.rebuild(spendings, signal),
    },
  })
  const identity = () => Promise.resolve({ key: 'k', route: 'r', config: 'c', outage: 'o' })
  const gate = createGate({
    redis,
    keys: KEYS,
    worker: name,
    identity,
    retry: retryWhileAway,
    log,
    timings: GATE_TIMINGS,
  })
  const provider = { address: '', ask: (question: Question) => parts.askModel(lane, question) }
  const untilTrusted = (signal: AbortSignal) => state.untilTrusted(signal)
  const handler: Handler = new Pipeline({
    config: { kafka: { groupId: GROUP, topics: TOPICS }, maxRequestBytes: 1e6 } as never,
    dedupe,
    budget,
    ask: createAsk({ dedupe, budget, gate, provider, untilTrusted, metrics: METRICS, log }),
    entrance: new Entrance({ most: 16, isFair: true }),
    turns: new Turns(() => slots.isSending),
    capOf: () => RESERVED_TOKENS,
    scoring: SCORING,
    log,
    metrics: METRICS,
    stopped: NEVER,
  })
  void dedupe.run(NEVER)
  void recovery.run(NEVER)
  void budget.initialise(NEVER)
  return { dedupe, clients, handler, log }
}

const NEVER = new AbortController().signal

/** Asks Kafka again until it answers, as offsets-view.ts does. */
async function untilAnswered<T>(ask: () => Promise<T>): Promise<T> {
  for (;;) {
    try {
      return await ask()
    } catch {
      continue
    }
  }
}
