/**
 * Mends the connections of kafkajs 2.2.4; mended.ts applies it.
 *
 * A `Connection` of kafkajs outlives its sockets: it opens a new one after each cut. But it keeps the bytes of a response that was
 * cut off, and it goes on listening to the sockets before. So lengths of responses were read out of the middle of others, which
 * threw a RangeError where nobody could catch it and ended the process.
 */
import type { Socket } from 'node:net'

/** A response begins with its length, which takes so many bytes. */
const LENGTH_BYTES = 4

/** As much of kafkajs's Connection as is needed here. */
export interface Connection {
  socket?: Socket
  /** The received bytes that are not processed yet, how many they are, and how many must be there before the next attempt. */
  chunks: Buffer[]
  bytesBuffered: number
  bytesNeeded: number
  isConnected(): boolean
  connect: (this: Connection) => Promise<unknown>
}

/** As much of kafkajs's RequestQueue as is needed here. */
export interface RequestQueue {
  pending: unknown[]
  scheduleCheckPendingRequests: (this: RequestQueue) => void
}

type Listener = (...args: unknown[]) => unknown

/**
 * Gives each socket of a connection a beginning of its own: no bytes are left from the socket before, whose events are ignored
 * from then on. Requests that connect at the same time share the socket. An error that is thrown while a response is read ends
 * the socket; kafkajs then fails the requests in flight with a connection error and repeats them.
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
 * Puts a check in front of what kafkajs does at the events of its newest socket, and catches what it throws. kafkajs listens last:
 * the listeners before are Node's own.
 */
function guardListeners(connection: Connection): void {
  const { socket } = connection
  if (socket === undefined) return
  const guarded = async (listener: Listener, args: unknown[]): Promise<void> => {
    try {
      if (connection.socket === socket) await listener(...args)
    } catch (error) {
      // kafkajs takes this error for one of the network.
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
 * Sets the timer that looks for waiting requests only while there are some. kafkajs also sets it after each response when none
 * waits, to the year 1970, which makes Node print TimeoutNegativeWarning.
 * @param queue the prototype of kafkajs's RequestQueue; changed in place
 */
export function mendRequestQueue(queue: RequestQueue): void {
  const { scheduleCheckPendingRequests } = queue
  queue.scheduleCheckPendingRequests = function scheduleMended(this: RequestQueue): void {
    if (this.pending.length > 0) scheduleCheckPendingRequests.call(this)
  }
}
