/**
 * Carries out what the workers of a life ask of Redis, Kafka, the model and their group, one operation per step. Workers wait meanwhile, so
 * the order of the operations is all that distinguishes one life from another.
 */
import type { Lane, VirtualClock } from './clock.ts'

export interface Operation {
  lane: Lane
  /** Whom the worker asks. */
  service: 'redis' | 'kafka' | 'model' | 'group'
  label: string
  execute: () => unknown
  resolve: (value: unknown) => void
  reject: (error: unknown) => void
  /** What the worker sees when the request, or its reply, is lost. */
  lost: () => Error
}

/** Hands an operation in; resolves when it was carried out and its reply has arrived. */
export type Park = <T>(
  lane: Lane,
  about: Pick<Operation, 'service' | 'label' | 'lost'>,
  execute: () => Promise<T> | T,
) => Promise<T>

/** A request on its way. Nobody waits for the reply (`isAwaited`) when the sender believes that the request is lost. */
interface Underway {
  atStep: number
  operation: Operation
  isAwaited: boolean
}

export class Scheduler {
  step = 0
  /** What happened, a line per step; only when asked for. */
  readonly trace: string[] = []
  readonly #clock: VirtualClock
  readonly #isLoading: () => boolean
  readonly #keepsTrace: boolean
  #pending: Operation[] = []
  #underway: Underway[] = []

  /** @param isLoading whether a script is being loaded into Redis, which is no operation of a worker */
  constructor(clock: VirtualClock, isLoading: () => boolean, keepsTrace: boolean) {
    this.#clock = clock
    this.#isLoading = isLoading
    this.#keepsTrace = keepsTrace
  }

  readonly park: Park = (lane, about, execute) => {
    const { promise, resolve, reject } = Promise.withResolvers<unknown>()
    this.#pending.push({ ...about, lane, execute, resolve, reject })
    return promise as Promise<never>
  }

  /** Begins the next step: what was delayed until now arrives. */
  async begin(): Promise<void> {
    await this.settled()
    this.step++
    const isDue = ({ atStep }: Underway) => atStep <= this.step
    const due = this.#underway.filter(isDue)
    if (due.length > 0) this.#underway = this.#underway.filter((each) => !isDue(each))
    for (const { operation, isAwaited } of due) {
      if (isAwaited && operation.lane.state !== 'dead') this.#pending.unshift(operation)
      else await this.#executeUnheard(operation, 'arrives late')
    }
    // Drop what dead workers have asked for.
    this.#pending = this.#pending.filter(({ lane }) => lane.state !== 'dead')
  }

  /** What can be carried out now, the oldest first. */
  choices(): Operation[] {
    return this.#pending.filter(({ lane }) => lane.state === 'running')
  }

  /** Lets the workers run until each of them waits. */
  async settled(): Promise<void> {
    do for (let turns = 0; turns < 3; turns++) await new Promise((resolve) => setImmediate(resolve))
    while (this.#clock.turns > 0 || this.#isLoading())
  }

  async carryOut(operation: Operation): Promise<void> {
    this.#take(operation)
    const { lane, label } = operation
    try {
      const value = await operation.execute()
      if (this.#keepsTrace) this.say(`${lane.name} ${label} → ${shown(value)}`)
      this.#clock.inLane(lane, () => operation.resolve(value))
    } catch (error) {
      this.say(`${lane.name} ${label} → ${(error as Error).message}`)
      this.#clock.inLane(lane, () => operation.reject(error))
    }
  }

  /** The request reaches its service this many steps later. */
  delay(operation: Operation, steps: number): void {
    this.#take(operation)
    this.#underway.push({ atStep: this.step + steps, operation, isAwaited: true })
    this.say(`${operation.lane.name} ${operation.label}: on its way for ${steps} steps`)
  }

  /**
   * The worker sees a lost connection.
   * @param arrivesAfter steps until the request reaches its service all the same; null: never
   */
  async lose(operation: Operation, arrivesAfter: number | null): Promise<void> {
    this.#take(operation)
    if (arrivesAfter === 0) await this.#executeUnheard(operation, 'its reply is lost')
    else this.say(`${operation.lane.name} ${operation.label}: it is lost`)
    if (arrivesAfter !== null && arrivesAfter > 0) {
      this.#underway.push({ atStep: this.step + arrivesAfter, operation, isAwaited: false })
    }
    this.#clock.inLane(operation.lane, () => operation.reject(operation.lost()))
  }

  /** The sender dies; the request is still carried out, unless it is the group's. */
  async orphan(operation: Operation): Promise<void> {
    this.#take(operation)
    if (operation.service !== 'group') await this.#executeUnheard(operation, 'carried out, and its sender dies')
  }

  say(line: string): void {
    if (this.#keepsTrace) this.trace.push(`${this.step} +${this.#clock.nowMs % 1e9} ${line}`)
  }

  #take(operation: Operation): void {
    this.#pending = this.#pending.filter((each) => each !== operation)
  }

  /** Carries out a request whose reply, even an error, reaches nobody. */
  async #executeUnheard({ execute, lane, label }: Operation, what: string): Promise<void> {
    this.say(`${lane.name} ${label}: ${what}`)
    try {
      await execute()
    } catch (error) {
      this.say(`  ${(error as Error).message}`)
    }
  }
}

const shown = (value: unknown) =>
  (JSON.stringify(value, (_, each: unknown) => (typeof each === 'bigint' ? Number(each) : each)) ?? '').slice(0, 80)
