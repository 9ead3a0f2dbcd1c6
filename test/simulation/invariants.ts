/** What has to hold in every life; watches what arrives at the model, in Redis and in Kafka, and writes down what does not. */
import type { MemoryKafka } from './kafka.ts'

const MINUTE_MS = 60_000

export class Invariants {
  readonly violations: string[] = []
  /** Crashes, freezes, failed calls and slowness so long that a lease may end: each may cost a call. */
  disruptions = 0
  readonly #requestsPerMinute: number | null
  readonly #stored = new Set<string>()
  readonly #answered = new Map<string, number>()
  readonly #arrivalsMs: number[] = []

  constructor(requestsPerMinute: number | null) {
    this.#requestsPerMinute = requestsPerMinute
  }

  get modelCalls(): number {
    return this.#arrivalsMs.length
  }

  violate(what: string): void {
    if (!this.violations.includes(what)) this.violations.push(what)
  }

  /** A script was carried out. */
  ran(script: string, keys: string[], reply: unknown): void {
    if (script !== 'claims/answer') return
    const results = (reply as unknown[]).slice(2) as string[][]
    for (const [index, [kind]] of results.entries()) {
      if (kind === 'stored') this.#stored.add((keys[2 + 2 * index] ?? '').split(':').at(-1) ?? '')
    }
  }

  /** The model is asked. */
  arrived(id: string, nowMs: number): void {
    if (this.#stored.has(id)) this.violate(`${id} is paid again although its answer is stored`)
    if ((this.#answered.get(id) ?? 0) > this.disruptions) this.violate(`${id} is paid again for no reason`)
    this.#arrivalsMs.push(nowMs)
    const inMinute = this.#arrivalsMs.filter((each) => each > nowMs - MINUTE_MS).length
    if (inMinute > (this.#requestsPerMinute ?? Infinity)) {
      this.violate(`${inMinute} calls within a minute, with a budget of ${this.#requestsPerMinute}`)
    }
  }

  /** The model's answer has reached its worker. */
  answered(id: string): void {
    this.#answered.set(id, (this.#answered.get(id) ?? 0) + 1)
  }

  /** After a commit: of a request whose last copy is committed the outcome is published, and no outcome is there twice. */
  committed(kafka: MemoryKafka, ids: string[]): void {
    for (const id of ids) {
      const copies = kafka.log.flat().filter(({ value }) => idOf(value) === id)
      const outcomes = outcomesOf(kafka, id)
      const isCovered = copies.every(({ partition, offset }) => kafka.isCommitted(partition, offset))
      if (isCovered && outcomes === 0) this.violate(`${id} is committed and not answered`)
      if (outcomes > 1) this.violate(`${id} is answered ${outcomes} times`)
    }
  }

  /** Every offset is committed. */
  ended(kafka: MemoryKafka, ids: string[]): void {
    for (const id of ids) {
      const outcomes = outcomesOf(kafka, id)
      if (outcomes !== 1) this.violate(`${id} was answered ${outcomes} times`)
    }
  }
}

const outcomesOf = (kafka: MemoryKafka, id: string) =>
  kafka.published.filter(({ topic, value }) => topic === 'out' && idOf(value) === id).length

const idOf = (value: Buffer | string | null) => /"processing_id":(\d+)/.exec(String(value))?.[1] ?? ''
