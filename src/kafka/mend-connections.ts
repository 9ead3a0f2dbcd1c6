/**
 * Mends the connections of kafkajs 2.2.4; mended.ts applies it.
 *
 * A `Connection` of kafkajs opens a new socket after each disconnection. But it keeps the bytes of the response that was cut off, and
 * still listens to the old sockets. So it read lengths out of the middle of responses, and a RangeError that nobody could catch ended
 * the process.
 */
import type { Socket } from 'node:net'

/** A response begins with its length, in this many bytes. */
const LENGTH_BYTES = 4

/** As much of kafkajs's Connection as is needed here. */
export interface Connection {
  socket?: Socket
  /** Received bytes that are not processed yet; their number; the number needed before the next attempt to process them. */
  chunks: Buffer[]
  bytesBuffered: number
  bytesNeeded: number
  isConnected(): boolean
  connect: (this: Connection) => Promise<unknown>
}

/** As much of kafkajs's RequestQueue as is needed here. */
export interface RequestQueue {
  pending: unknown[]
  /** The end of the pause that the broker asked for, ms since the epoch. */
  throttledUntil: number
  scheduleCheckPendingRequests: (this: RequestQueue) => void
  canSendSocketRequestImmediately: (this: RequestQueue) => boolean
  maybeThrottle: (this: RequestQueue, ms: number | null) => void
}

type Listener = (...args: unknown[]) => unknown

/**
 * Starts each socket afresh: drops the bytes and ignores the events of the socket before it. Requests that connect at the same time
 * share a socket. An error while a response is read ends the socket; kafkajs then fails the requests in flight with a connection
 * error and repeats them.
 * @param connection the prototype of kafkajs's Connection; changed in place
 */
export function mendConnections(connection: Connection): void {
  const { connect } = connection
  const attempts = new WeakMap<Connection, Promise<unknown>>()

  function open(current: Connection): Promise<unknown> {
    current.socket?.destroy()
    current.chunks = []
    current.bytesBuffered = 0
    current.bytesNeeded = LENGTH_BYTES
    const connected = connect.call(current)
    guardListeners(current)
    return connected.finally(() => attempts.delete(current))
  }

  connection.connect = function connectMended(this: Connection): Promise<unknown> {
    if (this.isConnected()) return connect.call(this)
    const attempt = attempts.get(this) ?? open(this)
    attempts.set(this, attempt)
    return attempt
  }
}

/**
 * Wraps kafkajs's listeners on its newest socket: they run only while the socket is the current one, and what they throw is caught.
 * kafkajs's listener is the last of each event; those before it are Node's own.
 */
function guardListeners(connection: Connection): void {
  const { socket } = connection
  if (socket === undefined) return
  const guarded = async (listener: Listener, args: unknown[]): Promise<void> => {
    try {
      if (connection.socket === socket) await listener(...args)
    } catch (error) {
      // kafkajs treats this like a network error.
      socket.destroy(new Error('what the broker sent cannot be read as a response', { cause: error }))
    }
  }
  for (const event of ['data', 'end', 'error', 'timeout']) {
    const listener = socket.listeners(event).at(-1) as Listener | undefined
    if (listener !== undefined)
      socket.off(event, listener).on(event, (...args: unknown[]) => void guarded(listener, args))
  }
}

/**
 * Sets the timer for waiting requests only while some wait. kafkajs also sets it when none waits, to a time in 1970, for which Node
 * prints TimeoutNegativeWarning.
 * @param queue the prototype of kafkajs's RequestQueue; changed in place
 */
export function mendRequestQueue(queue: RequestQueue): void {
  const { scheduleCheckPendingRequests } = queue
  queue.scheduleCheckPendingRequests = function scheduleMended(this: RequestQueue): void {
    if (this.pending.length > 0) scheduleCheckPendingRequests.call(this)
  }
}

/**
 * Lets a pause that a broker with quotas asked for end when it should. kafkajs compares its end with the machine's clock: after the clock
 * was set back by an hour it would send nothing to that broker for an hour.
 * @param queue the prototype of kafkajs's RequestQueue; changed in place
 */
export function mendThrottling(queue: RequestQueue): void {
  const { canSendSocketRequestImmediately, maybeThrottle, scheduleCheckPendingRequests } = queue
  /** The end of the pause, performance.now() ms. */
  const ends = new WeakMap<RequestQueue, number>()
  const correctEnd = (of: RequestQueue) => {
    const endMs = ends.get(of)
    if (endMs !== undefined) of.throttledUntil = Math.min(of.throttledUntil, Date.now() + endMs - performance.now())
  }
  queue.maybeThrottle = function throttleMended(this: RequestQueue, ms: number | null): void {
    ends.set(this, Math.max(ends.get(this) ?? 0, performance.now() + (ms ?? 0)))
    maybeThrottle.call(this, ms)
  }
  queue.canSendSocketRequestImmediately = function canSendMended(this: RequestQueue): boolean {
    correctEnd(this)
    return canSendSocketRequestImmediately.call(this)
  }
  queue.scheduleCheckPendingRequests = function scheduleInTime(this: RequestQueue): void {
    correctEnd(this)
    scheduleCheckPendingRequests.call(this)
  }
}
