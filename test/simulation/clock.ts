/**
 * One clock for a simulated fleet. Code that runs in a lane (a worker) sees this clock's time, timers and chance; all other code
 * of the process keeps the real ones. A frozen lane's timers wait until it is thawed, a dead lane's never fire.
 */
import { AsyncLocalStorage } from 'node:async_hooks'
import { syncBuiltinESMExports } from 'node:module'
import timersPromises from 'node:timers/promises'
import { createDice } from '../chaos/dice.ts'

export interface Lane {
  readonly name: string
  state: 'running' | 'frozen' | 'dead'
}

interface Timer {
  atMs: number
  lane: Lane
  run: () => void
}

/** An instant in 2026, ms since the epoch; any other would do. */
const START_MS = 1_780_000_000_000

export class VirtualClock {
  nowMs = START_MS
  /** How many turns of the event loop the code in lanes still waits for. */
  turns = 0
  readonly #lanes = new AsyncLocalStorage<Lane>()
  readonly #timers = new Map<object, Timer>()
  #dice = createDice(0)

  /** Runs `work` as code of that lane. */
  inLane<T>(lane: Lane, work: () => T): T {
    return this.#lanes.run(lane, work)
  }

  /** Begins a new life: removes all timers and starts the random numbers of that seed. */
  reset(seed: number): void {
    this.#timers.clear()
    this.#dice = createDice(seed)
    this.nowMs = START_MS
  }

  /** @returns when the next timer of a running lane is due, ms; null when there is none */
  nextAtMs(): number | null {
    let next: number | null = null
    for (const { lane, atMs } of this.#timers.values()) {
      if (lane.state === 'running' && (next === null || atMs < next)) next = atMs
    }
    return next
  }

  /** Moves the clock on and fires what is due then, in order. */
  advanceTo(ms: number): void {
    this.nowMs = Math.max(this.nowMs, ms)
    const due = [...this.#timers].filter(([, { lane, atMs }]) => lane.state === 'running' && atMs <= this.nowMs)
    for (const [key, { lane, run }] of due.toSorted(([, a], [, b]) => a.atMs - b.atMs)) {
      if (this.#timers.delete(key)) this.inLane(lane, run)
    }
  }

  /** Replaces the process's clocks and timers, for code in lanes only. @returns a function that puts them back */
  install(): () => void {
    const real = {
      setTimeout: globalThis.setTimeout,
      clearTimeout: globalThis.clearTimeout,
      setImmediate: globalThis.setImmediate,
      sleep: timersPromises.setTimeout,
      now: performance.now.bind(performance),
      date: Date.now,
      random: Math.random,
      timeout: AbortSignal.timeout.bind(AbortSignal),
    }
    const add = (lane: Lane, run: () => void, ms = 0): object => {
      const key = { unref: () => key, ref: () => key }
      this.#timers.set(key, { atMs: this.nowMs + Math.max(0, ms), lane, run })
      return key
    }
    const later = (run: () => void, ms?: number) => {
      const lane = this.#lanes.getStore()
      return lane === undefined ? real.setTimeout(run, ms) : add(lane, run, ms)
    }
    const nextTurn = (run: () => void) => {
      if (this.#lanes.getStore() === undefined) return real.setImmediate(run)
      this.turns++
      return real.setImmediate(() => {
        this.turns--
        run()
      })
    }
    const clear = (key: object) => {
      if (!this.#timers.delete(key)) real.clearTimeout(key as NodeJS.Timeout)
    }
    const sleep = async (ms: number, value: unknown, options: { signal?: AbortSignal } = {}) => {
      const lane = this.#lanes.getStore()
      if (lane === undefined) return await real.sleep(ms, value, options)
      const { signal } = options
      signal?.throwIfAborted()
      const { promise, resolve, reject } = Promise.withResolvers<unknown>()
      const key = add(lane, () => resolve(value), ms)
      const onAbort = () => {
        this.#timers.delete(key)
        reject(new Error('the wait was aborted'))
      }
      signal?.addEventListener('abort', onAbort, { once: true })
      return await promise.finally(() => signal?.removeEventListener('abort', onAbort))
    }
    const timeout = (ms: number) => {
      const lane = this.#lanes.getStore()
      if (lane === undefined) return real.timeout(ms)
      const limit = new AbortController()
      add(lane, () => limit.abort(new Error(`not done within ${ms} ms`)), ms)
      return limit.signal
    }
    Object.assign(globalThis, { setTimeout: later, clearTimeout: clear, setImmediate: nextTurn })
    Object.assign(timersPromises, { setTimeout: sleep })
    Object.assign(performance, { now: () => (this.#lanes.getStore() ? this.nowMs - START_MS : real.now()) })
    Object.assign(Date, { now: () => (this.#lanes.getStore() ? this.nowMs : real.date()) })
    Object.assign(Math, { random: () => (this.#lanes.getStore() ? this.#dice.fraction() : real.random()) })
    Object.assign(AbortSignal, { timeout })
    syncBuiltinESMExports()
    return () => {
      const { setTimeout, clearTimeout, setImmediate } = real
      Object.assign(globalThis, { setTimeout, clearTimeout, setImmediate })
      Object.assign(timersPromises, { setTimeout: real.sleep })
      Object.assign(performance, { now: real.now })
      Object.assign(Date, { now: real.date })
      Object.assign(Math, { random: real.random })
      Object.assign(AbortSignal, { timeout: real.timeout })
      syncBuiltinESMExports()
    }
  }
}
