/** The workers of a life and their consumer group: who is alive, who has which partition, and whose heartbeats arrive. */
import { TIMINGS } from '../../src/timings.ts'
import type { VirtualClock } from './clock.ts'
import type { MemoryKafka } from './kafka.ts'
import type { Operation, Scheduler } from './scheduler.ts'
import type { GroupHooks, SimulatedWorker } from './worker.ts'

/** Messages that one fetch brings at most. */
const FETCHED_AT_ONCE = 2

export interface GroupParts {
  clock: VirtualClock
  scheduler: Scheduler
  kafka: MemoryKafka
  makeWorker: (name: string, hooks: GroupHooks) => SimulatedWorker
}

export class Group {
  readonly #parts: GroupParts
  readonly #workers: SimulatedWorker[] = []
  #made = 0
  #membersMade = 0
  #generation = 0
  /** Workers that asked to join and have not left. */
  readonly #members = new Set<SimulatedWorker>()
  #assignment = new Map<number, SimulatedWorker>()
  #heartbeatAtMs = 0
  readonly #heardAtMs = new Map<SimulatedWorker, number>()
  /** Workers that were silent for longer than their session. */
  readonly #expelled = new Set<SimulatedWorker>()
  readonly #thawAtStep = new Map<SimulatedWorker, number>()

  constructor(parts: GroupParts) {
    this.#parts = parts
  }

  alive(): SimulatedWorker[] {
    return this.#workers.filter(({ lane }) => lane.state !== 'dead')
  }

  workerOf({ lane }: Operation): SimulatedWorker | null {
    return this.#workers.find((each) => each.lane === lane) ?? null
  }

  start(): void {
    const worker = this.#parts.makeWorker(`w${++this.#made}`, {
      nextMemberId: () => this.#nextMemberId(),
      joining: (joining) => this.#joining(joining),
      left: (left) => this.#left(left),
    })
    this.#workers.push(worker)
    this.#heardAtMs.set(worker, this.#parts.clock.nowMs)
  }

  /** While an owner is dead, a join waits for the end of its session: until then the group does not know of the death. */
  #joining(worker: SimulatedWorker): void {
    this.#members.add(worker)
    this.#expelled.delete(worker)
    this.#heardAtMs.set(worker, this.#parts.clock.nowMs)
    const owners = [...this.#assignment.values()]
    if (owners.every(({ lane }) => lane.state !== 'dead')) this.rebalance()
  }

  #left(worker: SimulatedWorker): void {
    if (this.#members.delete(worker)) this.rebalance()
  }

  #nextMemberId = () => `m${++this.#membersMade}`

  /** Assigns the partitions anew; each member hears of it when its turn comes. */
  rebalance(): void {
    const members = this.alive().filter((each) => this.#members.has(each) && !this.#expelled.has(each))
    if (members.length === 0) return this.#assignment.clear()
    const generation = ++this.#generation
    const owner = (partition: number) => members[(partition + generation) % members.length] as SimulatedWorker
    this.#assignment = new Map(this.#parts.kafka.log.map((_, partition) => [partition, owner(partition)]))
    for (const worker of members) this.#tell(worker)
  }

  #tell(worker: SimulatedWorker): void {
    const { scheduler, clock } = this.#parts
    const { consumer } = worker
    if (consumer === null) return
    const about = { service: 'group' as const, label: `joins as ${consumer.memberId}`, lost: never }
    const join = () => {
      const mine = [...this.#assignment].flatMap(([partition, each]) => (each === worker ? [partition] : []))
      if (worker.consumer !== consumer) return mine
      if (worker.lastMemberId !== null && worker.lastMemberId !== consumer.memberId)
        worker.returnedAtStep = scheduler.step
      worker.lastMemberId = consumer.memberId
      clock.inLane(worker.lane, () => consumer.joined(mine, this.#generation))
      return mine
    }
    scheduler.park(worker.lane, about, join).catch(() => {})
  }

  /** Moves the clock on. Members send heartbeats; the group expels those that are silent for a session. */
  advance(toMs: number): void {
    const { clock } = this.#parts
    clock.advanceTo(toMs)
    if (clock.nowMs - this.#heartbeatAtMs < TIMINGS.group.heartbeatMs) return
    this.#heartbeatAtMs = clock.nowMs
    for (const worker of this.alive()) {
      if (worker.lane.state !== 'running' || this.#expelled.has(worker)) continue
      this.#heardAtMs.set(worker, clock.nowMs)
      clock.inLane(worker.lane, () => {
        if (worker.consumer?.generation === this.#generation) worker.consumer.heard()
        worker.poke()
      })
    }
    const isSilent = (worker: SimulatedWorker) =>
      clock.nowMs - (this.#heardAtMs.get(worker) ?? 0) >= TIMINGS.group.sessionMs
    const silent = [...new Set(this.#assignment.values())].filter(isSilent)
    if (silent.length === 0) return
    for (const each of silent) this.#expelled.add(each)
    this.rebalance()
  }

  /** Called when nobody asks for anything: moves the clock on to the next timer. */
  idle(): void {
    const { clock } = this.#parts
    const nextMs = Math.max(clock.nextAtMs() ?? Infinity, clock.nowMs)
    this.advance(Math.min(nextMs, clock.nowMs + TIMINGS.group.heartbeatMs))
  }

  /** @returns the fetches of members that have room for messages */
  fetches(): Operation[] {
    const { kafka } = this.#parts
    return this.alive()
      .filter(({ lane }) => lane.state === 'running')
      .flatMap((worker) =>
        [...(worker.consumer?.fetchers ?? [])].flatMap(([partition, { isOn, at }]) =>
          isOn && Number(at) < (kafka.log[partition]?.length ?? 0) ? [this.#fetchOf(worker, partition)] : [],
        ),
      )
  }

  #fetchOf(worker: SimulatedWorker, partition: number): Operation {
    const execute = () =>
      this.#parts.clock.inLane(worker.lane, () => worker.consumer?.fetch(partition, FETCHED_AT_ONCE))
    const { lane } = worker
    return {
      lane,
      service: 'group',
      label: `fetches ${partition}`,
      execute,
      resolve: ignore,
      reject: ignore,
      lost: never,
    }
  }

  // What happens to workers --------------------------------------------------------------------------------------------

  /** @param last the worker's operation that is carried out all the same; null: none */
  async crash(worker: SimulatedWorker, last: Operation | null): Promise<void> {
    if (last !== null) await this.#parts.scheduler.orphan(last)
    worker.lane.state = 'dead'
    this.#parts.scheduler.say(`${worker.lane.name} dies`)
    this.start()
  }

  /** Ends a worker's consumer by an error; the worker makes another one, which joins as a new member. */
  endConsumer(worker: SimulatedWorker): void {
    this.#parts.scheduler.say(`the consumer of ${worker.lane.name} ends`)
    this.#parts.clock.inLane(worker.lane, () => worker.consumer?.crash())
  }

  freeze(worker: SimulatedWorker, steps: number): void {
    worker.lane.state = 'frozen'
    this.#thawAtStep.set(worker, this.#parts.scheduler.step + steps)
  }

  thawDue(): void {
    for (const [worker, at] of this.#thawAtStep) if (this.#parts.scheduler.step >= at) this.#thaw(worker)
  }

  thawAll(): void {
    for (const worker of this.#thawAtStep.keys()) this.#thaw(worker)
  }

  #thaw(worker: SimulatedWorker): void {
    const { clock, scheduler } = this.#parts
    this.#thawAtStep.delete(worker)
    if (worker.lane.state !== 'frozen') return
    worker.lane.state = 'running'
    scheduler.say(`${worker.lane.name} is thawed`)
    clock.advanceTo(clock.nowMs)
    const { consumer } = worker
    if (consumer === null || !this.#expelled.delete(worker)) return
    // The group has forgotten the member, so it joins under another name.
    consumer.memberId = this.#nextMemberId()
    this.#heardAtMs.set(worker, clock.nowMs)
    this.rebalance()
  }

  /** Stops a worker with no time to drain: waits end, calls are aborted, leases are given back. */
  async stop(worker: SimulatedWorker): Promise<void> {
    const { clock, scheduler } = this.#parts
    clock.inLane(worker.lane, () => worker.drain())
    await scheduler.settled()
    const left = clock.inLane(worker.lane, () => worker.leave())
    let isOver = false
    void left.finally(() => (isOver = true))
    for (let turns = 0; turns < 50 && !isOver; turns++) {
      await scheduler.settled()
      const mine = scheduler.choices().find(({ lane }) => lane === worker.lane)
      if (mine !== undefined) await scheduler.carryOut(mine)
    }
    worker.lane.state = 'dead'
    if (this.#members.delete(worker)) this.rebalance()
    this.start()
  }

  /** Ends the life. */
  end(): void {
    for (const { lane } of this.#workers) lane.state = 'dead'
  }
}

const ignore = () => {}
const never = () => new Error('never')
