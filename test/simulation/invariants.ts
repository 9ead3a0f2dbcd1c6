/** Checks what must hold in every life: watches what arrives at the model, in Redis and in Kafka, and records every violation. */
import type { FencedUse, MemoryKafka, Published } from './kafka.ts'
import type { Workload } from './workload.ts'

const MINUTE_MS = 60_000

interface Call {
  atMs: number
  tokens: number
}

export class Invariants {
  readonly violations: string[] = []
  readonly #workload: Workload
  /** Crashes, stops, freezes, lost requests, and slowness after which a lease may end: each may cost a call. */
  #disruptions = 0
  readonly #stored = new Set<string>()
  readonly #answered = new Map<string, number>()
  readonly #calls: Call[] = []
  /** Ids that were answered before everything was sent again. */
  readonly #answeredBefore = new Set<string>()
  #publishedBefore = 0

  constructor(workload: Workload) {
    this.#workload = workload
  }

  get modelCalls(): number {
    return this.#calls.length
  }

  violate(what: string): void {
    if (!this.violations.includes(what)) this.violations.push(what)
  }

  /** Called when something happens that may cost a call. */
  disrupted(): void {
    this.#disruptions++
  }

  /** Called when Redis loses every stored answer. */
  lostRedis(): void {
    this.#disruptions += this.#workload.sends.length
    this.#stored.clear()
  }

  /** Called when a script has run. */
  ran(script: string, keys: string[], reply: unknown): void {
    if (script !== 'claims/answer' && script !== 'claims/begin') return
    const results = (reply as unknown[]).slice(2) as string[][]
    for (const [index, [kind]] of results.entries()) {
      const id = (keys[2 + 2 * index] ?? '').split(':').at(-1) ?? ''
      if (kind === 'stored') this.#stored.add(id)
      // A start before the answer was stored is no fault: it may be on its way to the model while another worker stores the answer.
      if (kind === 'begun' && this.#stored.has(id)) this.violate(`${id} is begun again although its answer is stored`)
    }
  }

  /** Called when a call arrives at the model. */
  arrived(id: string, atMs: number, tokens: number): void {
    if ((this.#answered.get(id) ?? 0) > this.#disruptions) this.violate(`${id} is paid again for no reason`)
    if (this.#answeredBefore.has(id)) this.violate(`${id} is paid again although it was answered and sent again`)
    this.#calls.push({ atMs, tokens })
    const inMinute = this.#calls.filter((each) => each.atMs > atMs - MINUTE_MS)
    const spent = inMinute.reduce((sum, each) => sum + each.tokens, 0)
    const { requestsPerMinute, tokensPerMinute } = this.#workload
    if (inMinute.length > (requestsPerMinute ?? Infinity)) {
      this.violate(`${inMinute.length} calls within a minute, with a budget of ${requestsPerMinute}`)
    }
    if (spent > (tokensPerMinute ?? Infinity)) {
      this.violate(`${spent} tokens within a minute, with a budget of ${tokensPerMinute}`)
    }
  }

  /** Called when the model's answer has reached its worker. */
  answered(id: string): void {
    this.#answered.set(id, (this.#answered.get(id) ?? 0) + 1)
  }

  /** Called when a worker used a fenced publisher. It must not publish with it once it knows that it was out of the group. */
  fenced({ worker, returnedAtStep, begunAtStep, fencedAtStep, publishes }: FencedUse): void {
    if (publishes && returnedAtStep > fencedAtStep && begunAtStep > returnedAtStep) {
      this.violate(`${worker} came back to the group and published with its publisher from before`)
    }
  }

  /** Called after each commit. */
  committed(kafka: MemoryKafka): void {
    for (const id of this.#workload.ids) {
      const outcomes = kafka.outcomesOf(id)
      const copies = kafka.copiesOf(id)
      if (outcomes.length === 0 && copies.every(({ partition, offset }) => kafka.isCommitted(partition, offset))) {
        this.violate(`${id} is committed and not answered`)
      }
      this.#checkOutcomes(id, outcomes)
    }
  }

  /** A message has one outcome at most, an id one answer at most, and nothing after it. */
  #checkOutcomes(id: string, outcomes: Published[]): void {
    const answeredAt = outcomes.findIndex(({ waitSeconds }) => waitSeconds === null)
    if (answeredAt !== -1 && answeredAt < outcomes.length - 1) this.violate(`${id} is answered, and then again`)
    if (new Set(outcomes.map(({ copy }) => copy)).size < outcomes.length)
      this.violate(`a message of ${id} is told twice`)
    for (const { waitSeconds } of outcomes) {
      if (waitSeconds !== null && waitSeconds * 1_000 < this.#workload.maxWaitMs) {
        this.violate(`${id} is refused for ${waitSeconds} s, which would have been waited for`)
      }
    }
  }

  /** Called before all requests are sent a second time. */
  sentAgain(kafka: MemoryKafka): void {
    for (const id of this.#workload.ids) {
      if (kafka.outcomesOf(id).at(-1)?.waitSeconds === null) this.#answeredBefore.add(id)
    }
    this.#publishedBefore = kafka.published.length
  }

  /** Called at the end, when every offset must be committed. */
  ended(kafka: MemoryKafka): void {
    const published = kafka.published.slice(this.#publishedBefore)
    for (const id of this.#workload.ids) {
      const outcomes = published.filter((each) => each.topic === 'out' && each.id === id).length
      if (this.#answeredBefore.has(id)) {
        if (outcomes > 0) this.violate(`${id} was answered, and again when it was sent again`)
      } else if (outcomes === 0) this.violate(`${id} is not answered`)
    }
  }

  /** Call it after a life without trouble. @param tokens what the budget holds as spent */
  spent(tokens: number): void {
    const billed = this.#calls.reduce((sum, each) => sum + each.tokens, 0)
    if (tokens !== billed) this.violate(`the budget holds ${tokens} tokens as spent, and ${billed} were billed`)
  }
}
