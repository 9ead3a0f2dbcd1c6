/** One simulated worker: the product's membership of the group, and a product's partition for each that it is assigned. */
import type { Completion } from '../../src/kafka/messages.ts'
import type { KafkaClients } from '../../src/kafka/clients.ts'
import { Membership } from '../../src/kafka/membership.ts'
import { DEFAULT_BATCH_LIMITS } from '../../src/kafka/outbox.ts'
import { Partition } from '../../src/kafka/partition.ts'
import { createStartOffsets } from '../../src/kafka/start-offset.ts'
import { createWindow } from '../../src/kafka/window.ts'
import { TIMINGS } from '../../src/timings.ts'
import type { Lane } from './clock.ts'
import { SimulatedConsumer } from './consumer.ts'
import { GROUP, PROCESSED_TTL_MS } from './settings.ts'
import type { WorkerParts } from './product.ts'
import { buildProduct } from './product.ts'

/** What a worker tells its group. */
export interface GroupHooks {
  /** @returns a name that no member had before */
  nextMemberId: () => string
  joining: (worker: SimulatedWorker) => void
  left: (worker: SimulatedWorker) => void
}

export class SimulatedWorker {
  readonly lane: Lane
  readonly partitions = new Map<number, Partition>()
  /** The latest; null before the first, and between two. */
  consumer: SimulatedConsumer | null = null
  /** The member id under which the worker was last in the group; null: it never was. */
  lastMemberId: string | null = null
  /** The step of the life at which the worker came back to the group as another member; -1: it never did. */
  returnedAtStep = -1
  readonly #parts: WorkerParts
  readonly #hooks: GroupHooks
  readonly #call = new AbortController()
  readonly #leave = new AbortController()
  readonly #membership: Membership
  readonly #member: Promise<void>
  readonly #product: ReturnType<typeof buildProduct>
  readonly #open: (partition: number) => Partition

  constructor(parts: WorkerParts, hooks: GroupHooks) {
    this.#parts = parts
    this.#hooks = hooks
    this.lane = { name: parts.name, state: 'running' }
    this.#product = parts.clock.inLane(this.lane, () => buildProduct(parts, this))
    this.#membership = parts.clock.inLane(this.lane, () => this.#makeMembership())
    this.#open = parts.clock.inLane(this.lane, () => this.#opener())
    this.#member = parts.clock.inLane(this.lane, () =>
      this.#membership.run(this.#leave.signal, () => TIMINGS.shutdown.leaveMs),
    )
  }

  #makeMembership(): Membership {
    const { kafka, park, invariants } = this.#parts
    const connect = () => park(this.lane, { service: 'kafka', label: 'connects', lost: noConnection }, () => {})
    const consumer = () => {
      this.consumer = new SimulatedConsumer(this.#hooks.nextMemberId(), {
        kafka,
        connect,
        onJoining: () => this.#hooks.joining(this),
        onLeft: () => {
          this.consumer = null
          this.#hooks.left(this)
        },
        onError: (error) => invariants.violate(`${this.lane.name}: ${String(error)}`),
      })
      return this.consumer.asKafkajs()
    }
    return new Membership({
      clients: { consumer } as unknown as KafkaClients,
      group: GROUP,
      topic: kafka.topic,
      timeouts: TIMINGS.group,
      log: this.#product.log,
      events: {
        onAssigned: (partitions, memberChanged) => this.#assigned(partitions, memberChanged),
        onHeartbeat: () => this.partitions.forEach((each) => each.proven()),
        onFetched: (partition, fetched) => this.partitions.get(partition)?.fetched(fetched) ?? false,
        onPassed: () => {},
        onRestart: () => {},
      },
    })
  }

  /** As consumer.ts does on a join. */
  #assigned(partitions: number[], memberChanged: boolean): void {
    for (const [partition, held] of this.partitions) {
      if (partitions.includes(partition)) continue
      this.partitions.delete(partition)
      held.drop(new Error('the partition was revoked'))
    }
    for (const each of this.partitions.values()) each.rejoined(memberChanged)
    for (const partition of partitions) {
      if (this.partitions.has(partition)) continue
      this.partitions.set(partition, this.#open(partition))
    }
  }

  poke(): void {
    for (const each of this.partitions.values()) each.poke()
  }

  /** Starts nothing more and ends its waits; what is answered is still published. */
  drain(): void {
    for (const each of this.partitions.values()) each.drain(new Error('the worker is stopping'))
  }

  /** Ends a worker whose drain is over: aborts its calls, leaves the group and gives the leases back. */
  async leave(): Promise<void> {
    const reason = new Error('the worker is stopping')
    this.#call.abort(reason)
    for (const each of this.partitions.values()) each.drop(reason)
    this.#leave.abort(reason)
    await this.#member
    await this.#product.dedupe.releaseAll(AbortSignal.timeout(TIMINGS.shutdown.leasesMs)).catch(() => {})
  }

  /** @returns what makes a partition of this worker */
  #opener() {
    const { clients, handler, log } = this.#product
    const { topic } = this.#parts.kafka
    const window = createWindow({ messages: 64, bytes: 1e9 })
    const startFrom = { kind: 'earliest' } as const
    const startOffsets = createStartOffsets(clients, topic, { startFrom, processedTtlMs: PROCESSED_TTL_MS })
    const tell = (completions: Completion[], durationMs: number | null) =>
      void handler.committed(completions, durationMs === null ? 'learned' : 'known')
    return (partition: number) =>
      new Partition({
        source: { group: GROUP, topic, partition },
        clients,
        handler,
        window,
        flow: {
          pause: () => this.#membership.pause(partition),
          resume: () => this.#membership.resume(partition),
          seek: (at) => this.#membership.seek(partition, at),
        },
        startOffsets,
        call: this.#call.signal,
        batch: DEFAULT_BATCH_LIMITS,
        prefetch: 32,
        log,
        isMember: () => this.#membership.isMember(),
        onCommitted: tell,
        onFailed: () => {},
      })
  }
}

const noConnection = () => new Error('no connection')
