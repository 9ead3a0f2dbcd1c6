/** The messages of one partition that were fetched and are not committed yet: queued, in a handler, completed, or handed back. */
import { pause } from '../lib/abortable.ts'
import type { Log } from '../logging/log.ts'
import type { Completion, Handler, HandlerSignals, SourceMessage } from './messages.ts'
import type { OffsetRange } from './offset-metadata.ts'
import type { Seat } from './window.ts'

/** A handler that fails because of a bug is called again: first after 1 s, in the end every 30 s. */
const FAULT_RETRY_MIN_MS = 1_000
const FAULT_RETRY_MAX_MS = 30_000

/** About what Kafka adds to a message's key, value and headers, bytes. */
const RECORD_OVERHEAD_BYTES = 100

export interface UncommittedMessage {
  message: SourceMessage
  /** From the message's offset to the next one. */
  range: OffsetRange
  bytes: number
  /** `handed_back`: given up by its handler because the worker is stopping; stays uncommitted. */
  phase: 'queued' | 'running' | 'completed' | 'handed_back'
  completion: Completion | null
  /** The message was in a transaction that may have been committed. */
  tried: boolean
  /** Not published before then, performance.now() ms: Kafka refuses this message in every form. */
  notBeforeMs: number
}

export interface UncommittedOptions {
  handler: Handler
  signals: HandlerSignals
  seat: Seat
  log: Log
  /** Called when a handler has ended. */
  onSettled: () => void
}

/**
 * Messages are inserted in the order of their offsets, so the map iterates in that order. Long, because everything in it shares the
 * map and the queue.
 * @returns the register of one partition's uncommitted messages
 */
export function createUncommitted({ handler, signals, seat, log, onSettled }: UncommittedOptions) {
  const messages = new Map<bigint, UncommittedMessage>()
  const queue: UncommittedMessage[] = []
  let queuedBytes = 0
  let running = 0

  function add(message: SourceMessage): void {
    const bytes = (message.key?.length ?? 0) + (message.value?.length ?? 0) + RECORD_OVERHEAD_BYTES
    const range = { from: message.offset, to: message.offset + 1n }
    const fresh: UncommittedMessage = {
      message,
      range,
      bytes,
      phase: 'queued',
      completion: null,
      tried: false,
      notBeforeMs: 0,
    }
    messages.set(message.offset, fresh)
    queue.push(fresh)
    queuedBytes += bytes
  }

  /** Hands queued messages to the handler, oldest first, while the window has room. */
  function start(): void {
    for (let first = queue[0]; first !== undefined && seat.enter(first.bytes); first = queue[0]) {
      queue.shift()
      queuedBytes -= first.bytes
      first.phase = 'running'
      void run(first)
    }
  }

  async function run(item: UncommittedMessage): Promise<void> {
    running++
    try {
      const completion = await complete(item.message, { handler, signals, log })
      item.completion = completion
      item.phase = completion === null ? 'handed_back' : 'completed'
    } finally {
      running--
    }
    if (messages.get(item.message.offset) !== item) abandon(item)
    onSettled()
  }

  /** Tells the handler that the message's completion, if there is one, is dropped; see `abandoned` of messages.ts. */
  function abandon({ completion }: UncommittedMessage): void {
    if (completion !== null) handler.abandoned?.(completion)
  }

  function remove(item: UncommittedMessage): void {
    if (!messages.delete(item.message.offset)) return
    if (item.phase === 'queued') dequeue(item)
    else seat.leave(item.bytes)
  }

  function dequeue(item: UncommittedMessage): void {
    queue.splice(queue.indexOf(item), 1)
    queuedBytes -= item.bytes
  }

  /** @returns how many messages wait for a handler, and their bytes */
  const inQueue = () => ({ queued: queue.length, queuedBytes })

  return {
    add,
    start,
    remove,
    all: () => [...messages.values()],
    /** @returns the offsets of all messages but these, ascending */
    rangesWithout(excepted: ReadonlySet<UncommittedMessage>): OffsetRange[] {
      const ranges: OffsetRange[] = []
      for (const item of messages.values()) if (!excepted.has(item)) ranges.push(item.range)
      return ranges
    },
    abandon(item: UncommittedMessage): void {
      remove(item)
      abandon(item)
    },
    clear(): void {
      for (const item of messages.values()) {
        remove(item)
        abandon(item)
      }
    },
    queue: inQueue,
    counts: () => ({
      ...inQueue(),
      running,
      completed: [...messages.values()].filter(({ phase }) => phase === 'completed').length,
      handedBack: [...messages.values()].filter(({ phase }) => phase === 'handed_back').length,
    }),
  }
}

/** Calls the handler until it ends without a fault. @returns null when the message is handed back */
async function complete(
  message: SourceMessage,
  { handler, signals, log }: Pick<UncommittedOptions, 'handler' | 'signals' | 'log'>,
): Promise<Completion | null> {
  for (let delayMs = FAULT_RETRY_MIN_MS; ; delayMs = Math.min(delayMs * 2, FAULT_RETRY_MAX_MS)) {
    try {
      return await handler.handle(message, signals)
    } catch (error) {
      if (signals.wait.aborted || signals.call.aborted) return null
      const { topic, partition, offset } = message
      const reason = error instanceof Error ? (error.stack ?? error.message) : String(error)
      log.error('a fault of the worker: the message is tried again', { topic, partition, offset, reason })
    }
    try {
      await pause(delayMs, signals.wait)
    } catch {
      return null
    }
  }
}

export type Uncommitted = ReturnType<typeof createUncommitted>
