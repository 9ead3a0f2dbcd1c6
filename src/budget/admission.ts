/**
 * Gets grants from the shared budget for this worker's requests. One call of the script at a time asks for the requests whose turn it
 * is. Between calls the worker keeps its place in the fleet's line.
 *
 *   no slot is free, or too many grants are not sent yet ── a call ends, or is sent ──► asking
 *   asking ── granted ──► asking, for the next ones
 *     ├────── wait ─────► sleeping until the turn, a wake-up message, or the request gives up ──► asking
 *     ├────── lost ─────► sleeping for a second, or until the budget is in use again ──► asking
 *     └────── refused ──► the request is refused; asking, for the next one
 */
import type { Log } from '../logging/log.ts'
import { Gathering } from '../redis/group-commit.ts'
import type { RetryWhileAway } from '../redis/retry.ts'
import { createAlarm } from '../lib/alarm.ts'
import type { Waiter } from '../lib/waiting-line.ts'
import { WaitingLine } from '../lib/waiting-line.ts'
import type { CallSlots, Slot } from './call-slots.ts'
import type { createJournal } from './journal.ts'
import type { Pace } from './limits.ts'
import type { BudgetRefusal, budgetScripts, Granted, ReserveReply, Used, Version } from './scripts.ts'

/** The most requests in one call of the script: Redis serves nobody else while it runs. */
const AT_ONCE = 64
/** How often a lost budget is asked again, ms, because the message which says that it was rebuilt may be lost. */
const ASK_WHILE_LOST_MS = 1_000
/** The longest sleep while no slot is free. A call that ends or is sent wakes earlier. */
const FOR_A_SLOT_MS = 60_000

export interface Grant {
  kind: 'granted'
  id: string
  /** Reserved for the call. */
  tokens: number
  /** The call must be sent before this time or not at all, performance.now() ms. */
  sendByMs: number
  /** How long the request waited for the grant, ms. */
  waitedMs: number
  /** When it was granted on Redis's clock, ms since the epoch. */
  atMs: number
  seq: number
  used: Used
  /** The caller must call `sent` when the request is written and `release` when the call has ended. */
  slot: Slot
}

export interface Demand {
  /** What to reserve: the estimate of the prompt plus the cap on the answer. The bill may be higher; `settle` corrects that. */
  tokens: number
  /** Whose turn it takes: users take turns. */
  user: string
  /** Goes before all others: a probe of the gate, for whose result many wait. */
  urgent: boolean
  /** No other call of this process may be in flight meanwhile. */
  alone: boolean
}

/** `sinceMs`: since when it waits, performance.now() ms. */
type Waited = Demand & { sinceMs: number }
type Waiting = Waiter<Waited, Grant | BudgetRefusal>

export interface AdmissionOptions {
  scripts: Pick<ReturnType<typeof budgetScripts>, 'reserve' | 'leave' | 'settle'>
  retryWhileAway: RetryWhileAway
  journal: Pick<ReturnType<typeof createJournal>, 'granted' | 'settled'>
  /** See knowledge.ts. */
  learn: (version: Version | null, signal: AbortSignal) => Promise<boolean>
  known: () => Version | null
  pace: Pace
  maxWaitMs: number
  slots: CallSlots
  worker: string
  log: Log
  /** For tests: when to wait for more requests before a call. */
  gathering?: Gathering
  /** Ends the admission: every waiting request rejects with its reason. */
  signal: AbortSignal
}

export type Admission = ReturnType<typeof createAdmission>

/**
 * Long, because everything in it shares the waiting requests and the place in the fleet's line.
 * @returns this worker's admission to the budget
 */
export function createAdmission(options: AdmissionOptions) {
  const {
    scripts,
    retryWhileAway,
    journal,
    learn,
    known,
    pace,
    slots,
    worker,
    log,
    signal,
    gathering = new Gathering(),
  } = options
  const line = new WaitingLine<Waited, Grant | BudgetRefusal>((left) => {
    // The next request may be smaller, or need fewer slots, and fit at once.
    if (left === head || wantsSlot) alarm.ring()
  })
  const alarm = createAlarm()
  let made = 0
  const nextId = () => `${worker}:${made++}`
  /** The id of this worker's place in the fleet's line; also the id of the first request of the next call. */
  let place = nextId()
  /** The request for which the place was last asked. */
  let head: Waiting | null = null
  let running = false
  /** When the place's turn comes by the last reply, performance.now() ms; null: it does not wait. */
  let turnAtMs: number | null = null
  /** The next request waits until a call ends or is sent. */
  let wantsSlot = false
  slots.onRoom(() => {
    if (wantsSlot) alarm.ring()
  })

  async function run(): Promise<void> {
    running = true
    try {
      while (line.length > 0) await askOnce()
    } catch (error) {
      line.rejectAll(error)
    } finally {
      running = false
      head = null
      turnAtMs = null
    }
  }

  async function askOnce(): Promise<void> {
    alarm.reset()
    // Gather the requests and slots that come in one turn of the event loop, or soon after it under load, for one call.
    await gathering.gathered()
    if (line.length === 0) return
    const asked = fitting(line.next(Math.min(AT_ONCE, slots.sendable)), slots)
    wantsSlot = asked.length === 0
    if (wantsSlot) return await alarm.sleep(FOR_A_SLOT_MS, signal)
    const requests = asked.map(({ demand: { tokens } }, index) => ({ id: index === 0 ? place : nextId(), tokens }))
    head = asked[0] ?? null
    let askedMs = 0
    const ask = () => {
      askedMs = performance.now()
      return scripts.reserve(requests, options.maxWaitMs, known())
    }
    const reply = await retryWhileAway('the reservation', ask, signal)
    gathering.called(asked.length)
    const isUsable = await learn(reply.kind === 'lost' ? null : reply, signal)
    turnAtMs = reply.kind === 'wait' ? performance.now() + reply.waitMs : null
    if (reply.kind === 'granted') {
      place = nextId()
      // Nobody knows what was spent before: the requests are asked for again, when the budget is rebuilt.
      if (!isUsable) return
      for (const [index, granted] of reply.grants.entries()) {
        const [waiting, request] = [asked[index], requests[index]]
        if (waiting !== undefined && request !== undefined) admit(waiting, request.id, granted, reply.seq, askedMs)
      }
    } else if (reply.kind === 'refused') {
      place = nextId()
      if (head !== null && line.remove(head)) head.resolve({ kind: 'refused', waitMs: reply.waitMs })
    } else await sleep(reply)
  }

  /** Sleeps until the place's turn may have come, or a lost budget may be back. Gives the place up when no request is left. */
  async function sleep(reply: ReserveReply & { kind: 'wait' | 'lost' }): Promise<void> {
    // 1 ms more, because a timer may fire a little early, and the script would only answer that 1 ms is left.
    await alarm.sleep(reply.kind === 'wait' ? reply.askAgainMs + 1 : ASK_WHILE_LOST_MS, signal)
    if (line.length > 0) return
    const left = place
    place = nextId()
    // Not awaited: if it fails, the place's lease soon expires.
    scripts
      .leave(left)
      .catch((error: Error) => log.debug('could not leave the line: the place will expire', { reason: error.message }))
  }

  function admit(waiting: Waiting, id: string, granted: Granted, seq: number, askedMs: number): void {
    const { atMs, ageMs, used } = granted
    const { tokens, sinceMs, alone } = waiting.demand
    journal.granted({ id, atMs, requests: 1, tokens })
    const nowMs = performance.now()
    const sendByMs = askedMs + pace.sendWithinMs - ageMs
    if (nowMs >= sendByMs) {
      // The request stays in this worker's line and will be asked for again.
      log.warn('a grant came too late to be sent and is spent', { lateMs: Math.round(nowMs - sendByMs) })
      slots.lapsed()
      return
    }
    if (line.serve(waiting)) {
      const slot = slots.take(alone, { askedMs, sendByMs })
      waiting.resolve({ kind: 'granted', id, tokens, sendByMs, waitedMs: nowMs - sinceMs, atMs, seq, used, slot })
    } else giveBack(id, atMs)
  }

  /** Gives back a grant whose request has given up. Nothing was sent. */
  function giveBack(id: string, atMs: number): void {
    journal.settled(id, 0)
    retryWhileAway('a grant that is not needed', () => scripts.settle([{ id, atMs, billed: 0 }]), signal).catch(
      (error: Error) => log.debug('could not return an unused grant: it stays spent', { reason: error.message }),
    )
  }

  return {
    /**
     * Waits for a request's turn. A grant comes with a slot, which the caller must release after the call.
     * @throws the reason of `abort`, or of the admission's signal, when it aborts during the wait
     */
    wait(demand: Demand, abort: AbortSignal): Promise<Grant | BudgetRefusal> {
      const waiting = line.wait({ ...demand, sinceMs: performance.now() }, abort, demand)
      if (!running) void run()
      return waiting
    },

    /** Takes a wake-up message of the fleet: a place whose turn came nearer, or `opened`. */
    wake(message: string): void {
      if (message === place || message === 'opened') alarm.ring()
    },

    waiting: () => line.length,
    waitingUsers: () => line.users,
    /** @returns ms until the next request is admitted, as things stand; null when none waits for the budget */
    nextTurnInMs: () => (turnAtMs === null ? null : Math.max(0, turnAtMs - performance.now())),
  }
}

/** @returns as many of the first requests as there are slots for */
function fitting(next: readonly Waiting[], slots: CallSlots): readonly Waiting[] {
  let { free } = slots
  const end = next.findIndex(({ demand: { alone } }) => (free -= slots.needs(alone)) < 0)
  return end === -1 ? next : next.slice(0, end)
}
