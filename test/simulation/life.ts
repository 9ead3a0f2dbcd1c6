/**
 * One life of a fleet: some requests, some of them sent twice, two workers and a seed. At each step the scheduler carries out the oldest
 * operation, unless the plan has a deviation for that step. After the last planned step nothing goes wrong any more, and then every request
 * must be answered once, whatever happened before.
 */
import { TIMINGS } from '../../src/timings.ts'
import type { VirtualClock } from './clock.ts'
import { Group } from './group.ts'
import { Invariants } from './invariants.ts'
import { MemoryKafka } from './kafka.ts'
import { createModel } from './model.ts'
import type { Deviation, Plan } from './plan.ts'
import { planOf, TROUBLED_STEPS } from './plan.ts'
import type { ScriptedRedis } from './redis.ts'
import type { Operation } from './scheduler.ts'
import { Scheduler } from './scheduler.ts'
import type { GroupHooks } from './worker.ts'
import { SimulatedWorker } from './worker.ts'
import type { Workload } from './workload.ts'
import { workloadOf } from './workload.ts'

export interface Verdict {
  violations: string[]
  /** The deviations that took place. */
  taken: Map<number, Deviation>
  /** What happened, a line per step; only when asked for. */
  trace: string[]
  steps: number
  modelCalls: number
  outcomes: number
}

const MOST_STEPS = 3_000
const PARTITIONS = 2

export interface Scene {
  clock: VirtualClock
  redis: ScriptedRedis
}

/** Lives one life. @param plan by default what the seed proposes */
export async function live(
  scene: Scene,
  seed: number,
  plan: Plan = planOf(seed),
  keepsTrace = false,
): Promise<Verdict> {
  scene.clock.reset(seed)
  await scene.redis.begin()
  return await new Life(scene, workloadOf(seed), plan, keepsTrace).run()
}

class Life {
  readonly #scene: Scene
  readonly #workload: Workload
  readonly #plan: Plan
  readonly #scheduler: Scheduler
  readonly #kafka: MemoryKafka
  readonly #invariants: Invariants
  readonly #group: Group
  readonly #taken = new Map<number, Deviation>()
  /** How long the next commit is on its way, steps; null: as long as any other operation. */
  #handoverSteps: number | null = null

  constructor(scene: Scene, workload: Workload, plan: Plan, keepsTrace: boolean) {
    this.#scene = scene
    this.#workload = workload
    this.#plan = plan
    const { clock, redis } = scene
    const scheduler = new Scheduler(clock, () => redis.loading > 0, keepsTrace)
    const invariants = new Invariants(workload)
    const kafka = new MemoryKafka('in', PARTITIONS, {
      // Kafka keeps whole milliseconds.
      now: () => ({ step: scheduler.step, ms: Math.floor(clock.nowMs) }),
      onCommit: () => invariants.committed(kafka),
      onFenced: (use) => invariants.fenced(use),
    })
    const { park } = scheduler
    const model = createModel({ clock, park, invariants, workload })
    const makeWorker = (name: string, hooks: GroupHooks) =>
      new SimulatedWorker({ name, clock, redis, kafka, park, invariants, askModel: model, workload }, hooks)
    this.#scheduler = scheduler
    this.#kafka = kafka
    this.#invariants = invariants
    this.#group = new Group({ clock, scheduler, kafka, makeWorker })
    for (const { partition, id } of workload.sends) kafka.send(partition, id)
  }

  async run(): Promise<Verdict> {
    const { violations } = this.#invariants
    for (let index = 0; index < 2; index++) this.#group.start()
    await this.#until(() => this.#scheduler.step >= TROUBLED_STEPS || this.#kafka.isDone())
    if (violations.length === 0) {
      this.#group.thawAll()
      await this.#until(() => this.#kafka.isDone())
      this.#invariants.ended(this.#kafka)
    }
    if (violations.length === 0) await this.#sendAgain()
    if (violations.length === 0 && this.#isOrderly()) await this.#auditBudget()
    this.#group.end()
    return {
      violations,
      taken: this.#taken,
      trace: this.#scheduler.trace,
      steps: this.#scheduler.step,
      modelCalls: this.#invariants.modelCalls,
      outcomes: this.#kafka.published.length,
    }
  }

  /** Sends every id once more: what was answered is neither published nor paid for again; what was refused is taken up again. */
  async #sendAgain(): Promise<void> {
    // A refused id is taken up by a message with a later timestamp than the refusal's.
    this.#group.advance(this.#scene.clock.nowMs + 1)
    for (const id of this.#workload.ids) this.#kafka.send(Number(id) % PARTITIONS, id)
    this.#invariants.sentAgain(this.#kafka)
    await this.#until(() => this.#kafka.isDone())
    this.#invariants.ended(this.#kafka)
  }

  /** Whether nothing has gone wrong: only the order was another. */
  #isOrderly(): boolean {
    return [...this.#taken.values()].every(({ kind }) => kind === 'later')
  }

  async #auditBudget(): Promise<void> {
    await this.#scheduler.settled()
    this.#invariants.spent(await this.#scene.redis.tokensSpent())
  }

  // Steps --------------------------------------------------------------------------------------------------------------

  async #until(isOver: () => boolean): Promise<void> {
    for (let steps = 0; !isOver() && this.#invariants.violations.length === 0; steps++) {
      if (steps > MOST_STEPS) {
        return this.#invariants.violate(`stuck: not every offset is committed after ${MOST_STEPS} steps`)
      }
      await this.#next()
    }
  }

  async #next(): Promise<void> {
    await this.#scheduler.begin()
    this.#group.thawDue()
    const choices = [...this.#scheduler.choices(), ...this.#group.fetches()]
    const first = choices[0]
    const deviation = this.#plan.get(this.#scheduler.step) ?? null
    if (first !== undefined && this.#handoverSteps !== null && isCommit(first)) return this.#handOver(first)
    if (deviation !== null && (await this.#deviate(deviation, choices))) return
    if (first === undefined) this.#group.idle()
    else await this.#scheduler.carryOut(first)
  }

  /** @returns false when the deviation makes no sense here */
  async #deviate(deviation: Deviation, choices: Operation[]): Promise<boolean> {
    const work = this.#fleetDeviation(deviation) ?? this.#operationDeviation(deviation, choices)
    if (work === null) return false
    this.#taken.set(this.#scheduler.step, deviation)
    this.#scheduler.say(`** ${JSON.stringify(deviation)}`)
    await work()
    return true
  }

  /** @returns what a deviation of the whole fleet does; null when it is not one, or makes no sense now */
  #fleetDeviation(deviation: Deviation): (() => Promise<void> | void) | null {
    const { clock, redis } = this.#scene
    switch (deviation.kind) {
      case 'rebalance':
        return this.#group.alive().length > 1 ? () => this.#group.rebalance() : null
      case 'handover':
        return () => void (this.#handoverSteps = deviation.steps)
      case 'slow':
        // A reply after a longer time counts as none, and a lease may end.
        if (deviation.ms > TIMINGS.redis.commandMs) this.#invariants.disrupted()
        return () => this.#group.advance(clock.nowMs + deviation.ms)
      case 'flush':
        this.#invariants.lostRedis()
        return () => redis.flush()
      default:
        return null
    }
  }

  /** @returns what a deviation does to an operation or its worker; null when it makes no sense now */
  #operationDeviation(deviation: Deviation, choices: Operation[]): (() => Promise<void> | void) | null {
    const first = choices[0]
    const worker = first === undefined ? null : this.#group.workerOf(first)
    if (first === undefined || worker === null) return null
    const disrupt = (work: () => Promise<void> | void) => () => {
      this.#invariants.disrupted()
      return work()
    }
    switch (deviation.kind) {
      case 'later': {
        const other = choices[deviation.pick % choices.length]
        return other === undefined || other === first ? null : () => this.#scheduler.carryOut(other)
      }
      case 'delay':
        return first.service === 'group' ? null : () => this.#scheduler.delay(first, deviation.steps)
      case 'lose':
        return first.service === 'group' ? null : disrupt(() => this.#lose(first, deviation.arrivesAfter))
      case 'crash':
        return disrupt(() => this.#group.crash(worker, deviation.carriedOut ? first : null))
      case 'consumer ends':
        return worker.consumer?.isMember === true ? () => this.#group.endConsumer(worker) : null
      case 'freeze':
        return disrupt(() => this.#group.freeze(worker, deviation.steps))
      case 'stop':
        return disrupt(() => this.#group.stop(worker))
      default:
        return null
    }
  }

  /** A lost call to the model is sent now or never: it does not arrive later. */
  #lose(operation: Operation, arrivesAfter: number | null): Promise<void> {
    const isCall = operation.service === 'model' && arrivesAfter !== null
    return this.#scheduler.lose(operation, isCall ? 0 : arrivesAfter)
  }

  /** The commit is on its way while the group passes its partition on. */
  #handOver(commit: Operation): void {
    const steps = this.#handoverSteps ?? 0
    this.#handoverSteps = null
    this.#scheduler.delay(commit, steps)
    this.#group.rebalance()
  }
}

const isCommit = ({ service, label }: Operation) => service === 'kafka' && label.startsWith('commit')
