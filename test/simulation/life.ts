/**
 * One life of a fleet: some requests, some of them twice, two workers and a seed. At each step the scheduler carries out what was
 * asked first, unless a deviation stands in the plan for that step. After the last planned step all goes well; then whatever
 * happened before, every request has to be answered, once.
 */
import { createDice } from '../chaos/dice.ts'
import type { Question, Reply } from '../../src/provider/reply.ts'
import { TIMINGS } from '../../src/timings.ts'
import type { Lane, VirtualClock } from './clock.ts'
import { Invariants } from './invariants.ts'
import { MemoryKafka } from './kafka.ts'
import { Operations } from './operations.ts'
import type { Operation } from './operations.ts'
import type { Deviation, Plan } from './plan.ts'
import { planOf, TROUBLED_STEPS } from './plan.ts'
import type { ScriptedRedis } from './redis.ts'
import { EPOCH, KEYS, SimulatedWorker } from './worker.ts'

export interface Verdict {
  violations: string[]
  /** The deviations that took place. */
  taken: Map<number, Deviation>
  /** What happened, a line per step; only when asked for. */
  trace: string[]
  modelCalls: number
  outcomes: number
}

const MOST_STEPS = 3_000
/** How long a call takes: some of them longer than a lease that is not renewed. */
const MODEL_MS: readonly (readonly [number, number])[] = [
  [4, 700],
  [1, 15_000],
]

export interface Scene {
  clock: VirtualClock
  redis: ScriptedRedis
}

/** Lives one life. @param plan by default what the seed proposes */
export async function live(scene: Scene, seed: number, plan: Plan = planOf(seed), keepTrace = false): Promise<Verdict> {
  scene.clock.reset()
  await scene.redis.reset({ [KEYS.state]: { epoch: EPOCH, seq: 0, status: 'open', server: '5e1f', at: 0 } })
  return await new Life(scene, seed, plan, keepTrace).run()
}

class Life {
  readonly #scene: Scene
  readonly #plan: Plan
  readonly #operations = new Operations()
  readonly #kafka: MemoryKafka
  readonly #invariants: Invariants
  readonly #taken = new Map<number, Deviation>()
  readonly #trace: string[] = []
  readonly #keepTrace: boolean
  readonly #requestsPerMinute: number | null
  readonly #modelMs: number
  readonly #ids: string[]
  #workers: SimulatedWorker[] = []
  #made = 0
  #step = 0
  #generation = 0
  #assignment = new Map<number, SimulatedWorker>()
  #heartbeatAtMs = 0
  readonly #heardAtMs = new Map<SimulatedWorker, number>()
  readonly #expelled = new Set<SimulatedWorker>()
  readonly #thawAt = new Map<SimulatedWorker, number>()

  constructor(scene: Scene, seed: number, plan: Plan, keepTrace: boolean) {
    this.#scene = scene
    this.#plan = plan
    this.#keepTrace = keepTrace
    const dice = createDice(seed ^ 0x5f3759df)
    this.#requestsPerMinute = dice.chance(0.3) ? dice.between(1, 4) : null
    this.#kafka = new MemoryKafka('in', 2, () => this.#invariants.committed(this.#kafka, this.#ids))
    this.#invariants = new Invariants(this.#requestsPerMinute)
    this.#modelMs = dice.pick(MODEL_MS)
    this.#ids = Array.from({ length: dice.between(2, 5) }, (_, index) => String(101 + index))
    for (const id of this.#ids) {
      const copies = dice.chance(0.3) ? 2 : 1
      for (let copy = 0; copy < copies; copy++) this.#send(dice.between(0, 1), id)
    }
  }

  async run(): Promise<Verdict> {
    for (let index = 0; index < 2; index++) this.#start()
    this.#rebalance()
    await this.#until(() => this.#step >= TROUBLED_STEPS || this.#isDone())
    if (this.#invariants.violations.length === 0) {
      for (const worker of this.#workers) this.#thaw(worker)
      await this.#until(() => this.#isDone())
      this.#invariants.ended(this.#kafka, this.#ids)
    }
    if (this.#invariants.violations.length === 0) await this.#sendAgain()
    for (const { lane } of this.#workers) lane.state = 'dead'
    const modelCalls = this.#invariants.modelCalls
    return {
      violations: this.#invariants.violations,
      taken: this.#taken,
      trace: this.#trace,
      modelCalls,
      outcomes: this.#kafka.published.length,
    }
  }

  #send(partition: number, id: string): void {
    const texts = {
      user_id: 1,
      resume_id: 1,
      requirements_id: 1,
      callback_url: 'http://a',
      requirements: 'a',
      resume: 'b',
    }
    this.#kafka.append(partition, JSON.stringify({ processing_id: Number(id), ...texts }), this.#scene.clock.nowMs)
  }

  /** What was answered and is sent once more is published by nobody, and costs nothing. */
  async #sendAgain(): Promise<void> {
    const before = { calls: this.#invariants.modelCalls, published: this.#kafka.published.length }
    for (const id of this.#ids) this.#send(Number(id) % 2, id)
    await this.#until(() => this.#isDone())
    if (this.#kafka.published.length > before.published) this.#violate('a request sent again was answered again')
    if (this.#invariants.modelCalls > before.calls) this.#violate('a request sent again was paid again')
  }

  // Steps --------------------------------------------------------------------------------------------------------------

  async #until(isOver: () => boolean): Promise<void> {
    for (let calm = 0; !isOver() && this.#invariants.violations.length === 0; calm++) {
      if (calm > MOST_STEPS) return this.#violate(`stuck: not every offset is committed after ${MOST_STEPS} steps`)
      await this.#next()
    }
  }

  async #next(): Promise<void> {
    await this.#settled()
    this.#step++
    for (const [worker, at] of this.#thawAt) if (this.#step >= at) this.#thaw(worker)
    this.#drop()
    const choices = [...this.#operations.pending.filter(({ lane }) => lane.state === 'running'), ...this.#fetches()]
    const deviation = this.#plan.get(this.#step) ?? null
    const first = choices[0]
    if (deviation?.kind === 'rebalance' && this.#alive().length > 1)
      return this.#deviate(deviation, () => this.#rebalance())
    if (deviation?.kind === 'slow') {
      if (deviation.ms > TIMINGS.redis.commandMs) this.#invariants.disruptions++
      return this.#deviate(deviation, () => this.#advance(this.#scene.clock.nowMs + deviation.ms))
    }
    if (first === undefined) return this.#idle()
    const worker = this.#workers.find(({ lane }) => lane === first.lane)
    if (deviation === null || worker === undefined) return await this.#carryOut(first)
    switch (deviation.kind) {
      case 'later':
        return choices.length > 1
          ? await this.#deviate(deviation, () => this.#carryOut(choices[deviation.pick % choices.length] ?? first))
          : await this.#carryOut(first)
      case 'crash':
        return await this.#deviate(deviation, () => this.#crash(worker, deviation.carriedOut ? first : null))
      case 'freeze':
        return this.#deviate(deviation, () => this.#freeze(worker, deviation.steps))
      case 'lose':
        return await this.#deviate(deviation, () => this.#lose(first, deviation.carriedOut))
      case 'stop':
        return await this.#deviate(deviation, () => this.#stop(worker))
      default:
        return await this.#carryOut(first)
    }
  }

  #deviate<T>(deviation: Deviation, work: () => T): T {
    this.#taken.set(this.#step, deviation)
    this.#say(`** ${JSON.stringify(deviation)}`)
    return work()
  }

  /** Lets the workers run until each of them waits. */
  async #settled(): Promise<void> {
    do for (let turns = 0; turns < 3; turns++) await new Promise((resolve) => setImmediate(resolve))
    while (this.#scene.redis.loading > 0)
  }

  /** Nobody asks for anything: time passes until somebody's timer is due. */
  #idle(): void {
    const nextMs = this.#scene.clock.nextAtMs()
    const { nowMs } = this.#scene.clock
    this.#advance(Math.min(Math.max(nextMs ?? Infinity, nowMs), nowMs + TIMINGS.group.heartbeatMs))
  }

  #advance(toMs: number): void {
    const { clock } = this.#scene
    clock.advanceTo(toMs)
    if (clock.nowMs - this.#heartbeatAtMs < TIMINGS.group.heartbeatMs) return
    this.#heartbeatAtMs = clock.nowMs
    for (const worker of this.#alive()) {
      if (worker.lane.state !== 'running' || this.#expelled.has(worker)) continue
      this.#heardAtMs.set(worker, clock.nowMs)
      clock.inLane(worker.lane, () => {
        if (worker.generation === this.#generation) worker.heard()
        worker.poke()
      })
    }
    const silent = [...new Set(this.#assignment.values())].filter(
      (worker) => clock.nowMs - (this.#heardAtMs.get(worker) ?? 0) >= TIMINGS.group.sessionMs,
    )
    if (silent.length === 0) return
    for (const each of silent) this.#expelled.add(each)
    this.#rebalance()
  }

  async #carryOut(operation: Operation): Promise<void> {
    this.#operations.take(operation)
    const { lane, label } = operation
    try {
      const value = await operation.execute()
      this.#say(`${lane.name} ${label} → ${shown(value)}`)
      this.#scene.clock.inLane(lane, () => operation.resolve(value))
    } catch (error) {
      this.#say(`${lane.name} ${label} → ${(error as Error).message}`)
      this.#scene.clock.inLane(lane, () => operation.reject(error))
    }
  }

  async #lose(operation: Operation, carriedOut: boolean): Promise<void> {
    if (operation.service === 'group') return await this.#carryOut(operation)
    this.#operations.take(operation)
    this.#invariants.disruptions++
    if (carriedOut) await carriedOutUnheard(operation)
    this.#say(`${operation.lane.name} ${operation.label}: ${carriedOut ? 'its reply' : 'it'} is lost`)
    this.#scene.clock.inLane(operation.lane, () => operation.reject(operation.lost()))
  }

  // Workers and their group --------------------------------------------------------------------------------------------

  #alive = () => this.#workers.filter(({ lane }) => lane.state !== 'dead')

  #start(): void {
    const { clock, redis } = this.#scene
    const worker = new SimulatedWorker({
      name: `w${++this.#made}`,
      clock,
      redis,
      kafka: this.#kafka,
      park: this.#operations.park,
      ran: (_lane, script, keys, reply) => this.#invariants.ran(script, keys, reply),
      askModel: (lane, question) => this.#askModel(lane, question),
      requestsPerMinute: this.#requestsPerMinute,
      maxWaitMs: 86_400_000,
      callsInFlight: 3,
      onFault: (text) => this.#violate(text),
    })
    this.#workers.push(worker)
    this.#heardAtMs.set(worker, clock.nowMs)
  }

  /** Deals the partitions out anew; each member hears of it when its turn comes. */
  #rebalance(): void {
    const members = this.#alive().filter((each) => !this.#expelled.has(each))
    if (members.length === 0) return
    const generation = ++this.#generation
    this.#assignment = new Map(
      this.#kafka.log.map((_, partition) => [
        partition,
        members[(partition + generation) % members.length] as SimulatedWorker,
      ]),
    )
    for (const worker of this.#alive()) if (!this.#expelled.has(worker)) this.#tell(worker, false)
  }

  #tell(worker: SimulatedWorker, memberChanged: boolean): void {
    const about = { service: 'group' as const, label: `joins`, lost: () => new Error('never') }
    this.#operations
      .park(worker.lane, about, () => {
        const mine = [...this.#assignment].flatMap(([partition, each]) => (each === worker ? [partition] : []))
        this.#scene.clock.inLane(worker.lane, () => worker.assigned(mine, this.#generation, memberChanged))
        return mine
      })
      .catch(() => {})
  }

  async #crash(worker: SimulatedWorker, last: Operation | null): Promise<void> {
    this.#invariants.disruptions++
    if (last !== null && last.service !== 'group') await carriedOutUnheard(last)
    worker.lane.state = 'dead'
    this.#say(`${worker.lane.name} dies${last === null ? '' : ` after ${last.label}`}`)
    this.#start()
  }

  #freeze(worker: SimulatedWorker, steps: number): void {
    this.#invariants.disruptions++
    worker.lane.state = 'frozen'
    this.#thawAt.set(worker, this.#step + steps)
  }

  #thaw(worker: SimulatedWorker): void {
    this.#thawAt.delete(worker)
    if (worker.lane.state !== 'frozen') return
    worker.lane.state = 'running'
    this.#say(`${worker.lane.name} is thawed`)
    this.#scene.clock.advanceTo(this.#scene.clock.nowMs)
    if (!this.#expelled.delete(worker)) return
    this.#heardAtMs.set(worker, this.#scene.clock.nowMs)
    this.#tell(worker, true)
  }

  /** A stop with no time to drain: waits end, calls are aborted, leases given back. */
  async #stop(worker: SimulatedWorker): Promise<void> {
    this.#invariants.disruptions++
    this.#scene.clock.inLane(worker.lane, () => worker.drain())
    await this.#settled()
    const left = this.#scene.clock.inLane(worker.lane, () => worker.leave())
    let isOver = false
    void left.finally(() => (isOver = true))
    for (let turns = 0; turns < 50 && !isOver; turns++) {
      await this.#settled()
      const mine = this.#operations.pending.find(({ lane }) => lane === worker.lane)
      if (mine !== undefined) await this.#carryOut(mine)
    }
    worker.lane.state = 'dead'
    this.#start()
    this.#rebalance()
  }

  /** The dead ask for nothing more. */
  #drop(): void {
    this.#operations.pending = this.#operations.pending.filter(({ lane }) => lane.state !== 'dead')
  }

  #fetches(): Operation[] {
    return this.#alive()
      .filter(({ lane }) => lane.state === 'running')
      .flatMap((worker) =>
        [...worker.fetchers].flatMap(([partition, { isOn, at }]) =>
          isOn && Number(at) < (this.#kafka.log[partition]?.length ?? 0) ? [this.#fetchOf(worker, partition)] : [],
        ),
      )
  }

  #fetchOf(worker: SimulatedWorker, partition: number): Operation {
    const execute = () => this.#scene.clock.inLane(worker.lane, () => worker.fetch(partition, 2))
    const ignore = () => {}
    const lost = () => new Error('never')
    return {
      lane: worker.lane,
      service: 'group',
      label: `fetches ${partition}`,
      execute,
      resolve: ignore,
      reject: ignore,
      lost,
    }
  }

  // The model ----------------------------------------------------------------------------------------------------------

  async #askModel(lane: Lane, { messages, sendByMs, signal }: Question): Promise<Reply> {
    const id = String(messages[0]?.content)
    const lost = () => new Error('no answer')
    let arrived = false
    const { promise: aborted, resolve: onAborted } = Promise.withResolvers<Reply>()
    const onAbort = () => onAborted({ kind: 'aborted', sent: arrived })
    signal.addEventListener('abort', onAbort, { once: true })
    const call = async (): Promise<Reply> => {
      const isSent = await this.#operations.park(lane, { service: 'model', label: `asks for ${id}`, lost }, () => {
        const isLate = this.#scene.clock.inLane(lane, () => performance.now() >= sendByMs)
        if (isLate || signal.aborted) return false
        arrived = true
        this.#invariants.arrived(id, this.#scene.clock.nowMs)
        return true
      })
      if (!isSent) return { kind: 'not_sent' }
      await new Promise((resolve) => setTimeout(resolve, this.#modelMs))
      return await this.#operations.park(lane, { service: 'model', label: `answer for ${id}`, lost }, () => {
        this.#invariants.answered(id)
        return { kind: 'answer', content: id, model: 'm', usage: null, limits: {}, keyFingerprint: '' } as const
      })
    }
    try {
      return await Promise.race([call().catch(() => failureOf(arrived)), aborted])
    } finally {
      signal.removeEventListener('abort', onAbort)
    }
  }

  #isDone = () => this.#kafka.isDone()

  #violate(what: string): void {
    this.#invariants.violate(what)
  }

  #say(line: string): void {
    if (this.#keepTrace) this.#trace.push(`${this.#step} +${this.#scene.clock.nowMs % 1e9} ${line}`)
  }
}

/** What it would have replied, be it an error, reaches nobody. */
async function carriedOutUnheard({ execute }: Operation): Promise<void> {
  try {
    await execute()
  } catch {
    return
  }
}

function failureOf(sent: boolean): Reply {
  const about = { code: 'timeout', retryAfterMs: null, detail: '', next: null } as const
  return { kind: 'failure', ...about, sent, usage: null, limits: {}, keyFingerprint: '' }
}

const shown = (value: unknown) =>
  (JSON.stringify(value, (_, each: unknown) => (typeof each === 'bigint' ? Number(each) : each)) ?? '').slice(0, 80)
