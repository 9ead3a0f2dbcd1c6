/** One day of requests against the product's budget scripts, on a simulated clock. */
import type { Redis } from 'ioredis'
import type { BudgetLimits } from '../../src/budget/limits.ts'
import { BUDGET_WINDOWS, isTooLong, paceOf } from '../../src/budget/limits.ts'
import type { Used, Version } from '../../src/budget/scripts.ts'
import { budgetScripts } from '../../src/budget/scripts.ts'
import { simulatedRedis } from './simulated-redis.ts'

export interface Load {
  /** ms of the day, ascending */
  arrivals: readonly number[]
  /** Tokens: what each request reserves, and what it is billed. */
  reserved: number
  billed: number
  /** From a grant to its settlement, ms. */
  callMs: number
  /** BUDGET_MAX_WAIT_SECONDS, in ms. */
  patienceMs: number
  /** Requests that arrive within this time, ms, are reserved with one call; reported waits leave it out. */
  lookEveryMs: number
}

export interface Day {
  /** Waits of those that were granted, ms, ascending. */
  waits: number[]
  refused: number
  /** Most calls at the same time. */
  inFlight: number
  /** The most that the rolling minute and the rolling day held. */
  peak: { requestsPerMinute: number; tokensPerMinute: number; requestsPerDay: number }
}

/** An arbitrary midnight, ms since the epoch. */
const EPOCH_MS = Date.UTC(2026, 0, 1)
const SENTINEL = 'state'
/** Requests that one call reserves: more than a worker asks for at once, so that a day takes fewer calls. */
const AT_ONCE = 64
/** A worker asks in the very ms of its turn; the simulation asks for a backlog this often, ms. */
const ASK_EVERY_MS = 1_000

/** Called with each wait as soon as it is known (ms; null for a refusal); returns true to end the day early. */
export type Enough = (waitMs: number | null) => boolean

/** @throws what Redis throws; Error when the budget does not open, or is lost */
export async function simulateDay(
  redis: Redis,
  load: Load,
  limits: BudgetLimits,
  enough: Enough = () => false,
): Promise<Day> {
  const simulation = new Simulation(redis, load, limits, enough)
  return await simulation.run()
}

class Simulation {
  readonly #redis: Redis
  readonly #load: Load
  readonly #limits: BudgetLimits
  readonly #enough: Enough
  readonly #scripts: ReturnType<typeof budgetScripts>
  readonly #day: Day = {
    waits: [],
    refused: 0,
    inFlight: 0,
    peak: { requestsPerMinute: 0, tokensPerMinute: 0, requestsPerDay: 0 },
  }
  /** ms of the day. */
  #atMs = 0
  #known: Version | null = null
  /** Requests before `come` have come, those before `served` are granted or refused; both in the order of arrival. */
  #come = 0
  #served = 0
  /** When each request was first looked at, ms of the day. */
  readonly #seenAtMs: Float64Array
  /** When the first request that waits is to ask again, ms of the day. */
  #turnAtMs = 0
  /** In the order of their ends; those before `ended` are settled. */
  readonly #calls: { id: string; endsMs: number; atMs: number }[] = []
  #ended = 0
  #ids = 0
  /** The id of the first request that waits; kept while it waits, as admission.ts keeps a worker's place in the line. */
  #place = this.#nextId()
  #isOver = false

  constructor(redis: Redis, load: Load, limits: BudgetLimits, enough: Enough) {
    this.#redis = redis
    this.#load = load
    this.#limits = limits
    this.#enough = enough
    this.#seenAtMs = new Float64Array(load.arrivals.length)
    this.#scripts = budgetScripts({
      redis: simulatedRedis(redis, () => this.#redisMs()),
      prefix: 'budget:plan:',
      sentinel: SENTINEL,
      limits,
      windows: BUDGET_WINDOWS,
      pace: paceOf(limits, null),
    })
  }

  async run(): Promise<Day> {
    const { arrivals, reserved } = this.#load
    if (isTooLong(reserved, this.#limits)) return { ...this.#day, refused: arrivals.length }
    await this.#redis.flushall()
    await this.#redis.hset(SENTINEL, 'status', 'open')
    this.#known = await this.#scripts.initialise('plan', 'new')
    if (this.#known === null) throw new Error('the budget did not open')
    // Loads the script: without it, the first settlement would reach Redis after the reservation that follows.
    await this.#scripts.settle([])
    while (this.#served < arrivals.length && !this.#isOver) {
      this.#atMs = this.#nextLook()
      // Not awaited: Redis answers in order, so they are settled before the next reservation.
      const settled = this.#settle()
      while (this.#come < arrivals.length && (arrivals[this.#come] ?? 0) <= this.#atMs) {
        this.#seenAtMs[this.#come++] = this.#atMs
      }
      while (this.#served < this.#come && this.#turnAtMs <= this.#atMs && !this.#isOver) await this.#ask()
      await Promise.all(settled)
    }
    this.#day.waits.sort((a, b) => a - b)
    return this.#day
  }

  /** Arrivals and ends of calls are looked at together; a turn is not looked at before its time. */
  #nextLook(): number {
    const arrival = this.#load.arrivals[this.#come] ?? Infinity
    const end = this.#calls[this.#ended]?.endsMs ?? Infinity
    const { lookEveryMs } = this.#load
    const together = Math.ceil((Math.min(arrival, end) + 1) / lookEveryMs) * lookEveryMs
    const turn = this.#served < this.#come ? this.#turnAtMs : Infinity
    return Math.max(this.#atMs + 1, Math.min(together, turn))
  }

  async #ask(): Promise<void> {
    const { reserved, patienceMs } = this.#load
    const count = Math.min(AT_ONCE, this.#come - this.#served)
    const ids = Array.from({ length: count }, (_, i) => (i === 0 ? this.#place : this.#nextId()))
    const requests = ids.map((id) => ({ id, tokens: reserved }))
    const reply = await this.#scripts.reserve(requests, patienceMs, this.#known)
    if (reply.kind === 'lost') throw new Error('the budget was lost')
    this.#known = reply
    if (reply.kind === 'wait') {
      this.#turnAtMs = this.#atMs + Math.max(ASK_EVERY_MS, reply.askAgainMs + 1)
      return
    }
    this.#place = this.#nextId()
    if (reply.kind === 'refused') {
      this.#served++
      this.#day.refused++
      this.#isOver ||= this.#enough(null)
      return
    }
    for (const [i, { used }] of reply.grants.entries()) this.#grant(ids[i] ?? '', used)
    this.#day.inFlight = Math.max(this.#day.inFlight, this.#calls.length - this.#ended)
  }

  #grant(id: string, { minute, day }: Used): void {
    const { waits, peak } = this.#day
    const waitMs = this.#atMs - (this.#seenAtMs[this.#served++] ?? this.#atMs)
    waits.push(waitMs)
    this.#calls.push({ id, atMs: this.#redisMs(), endsMs: this.#atMs + this.#load.callMs })
    peak.requestsPerMinute = Math.max(peak.requestsPerMinute, minute.requests)
    peak.tokensPerMinute = Math.max(peak.tokensPerMinute, minute.tokens)
    peak.requestsPerDay = Math.max(peak.requestsPerDay, day.requests)
    this.#isOver ||= this.#enough(waitMs)
  }

  /** Settles the calls that have ended. */
  #settle(): Promise<unknown>[] {
    const { billed } = this.#load
    const first = this.#ended
    while (this.#ended < this.#calls.length && (this.#calls[this.#ended]?.endsMs ?? 0) <= this.#atMs) this.#ended++
    const done = this.#calls.slice(first, this.#ended).map(({ id, atMs }) => ({ id, atMs, billed }))
    // A bill below the reservation may admit the next request earlier.
    if (done.length > 0) this.#turnAtMs = Math.min(this.#turnAtMs, this.#atMs)
    const groups = Array.from({ length: Math.ceil(done.length / AT_ONCE) }, (_, i) => i * AT_ONCE)
    return groups.map((from) => this.#scripts.settle(done.slice(from, from + AT_ONCE)))
  }

  #nextId(): string {
    return `plan:${this.#ids++}`
  }

  #redisMs(): number {
    return EPOCH_MS + Math.floor(this.#atMs)
  }
}

/** @param sorted ascending @returns the value that the share `part` of them does not exceed; 0 for none */
export const quantile = (sorted: readonly number[], part: number): number =>
  sorted[Math.max(0, Math.ceil(sorted.length * part) - 1)] ?? 0
