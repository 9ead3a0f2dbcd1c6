/**
 * Rebuilds what Redis has lost, from the outcomes in the notifications topic.
 *
 * The first script that notices the loss (guard.lua) stops the decisions of the whole fleet. One worker takes the leader's lease; the
 * others write their held claims again, and wait. The leader reads the outcomes back, marks their ids, gives live workers time to
 * write their claims again, reads what was committed meanwhile, adds the spendings to the budget, and declares the data trusted, in a
 * new epoch. When the leader dies, another one takes the lease and begins anew.
 *
 *   trusted ── an older copy, or another server ──► lost ──┐
 *   missing (flushed, or never begun) ─────────────────────┴──► recovering ── rebuilt ──► trusted, in another epoch
 */
import { randomUUID } from 'node:crypto'
import type { Redis } from 'ioredis'
import { pause } from '../lib/abortable.ts'
import type { RebuildOptions, Term } from './rebuild.ts'
import { createRebuild, DEPOSED } from './rebuild.ts'
import { loadScript } from '../redis/scripts.ts'
import type { Timings } from '../timings.ts'
import { TIMINGS } from '../timings.ts'
import type { FleetState } from './trusted-state.ts'

export interface RecoveryOptions extends Omit<RebuildOptions, 'reassertMs' | 'retryMs'> {
  redis: Redis
  state: FleetState
  timings?: Partial<Timings['recovery']>
}

/** @returns `run`, which recovers whenever data is lost, until its signal aborts; then it rejects with the signal's reason */
export function createRecovery(options: RecoveryOptions) {
  const { redis, keys, state, log, reassertHeld } = options
  const timings = { ...TIMINGS.recovery, ...options.timings }
  const scripts = loadScripts(redis, state)
  const rebuild = createRebuild({ ...options, ...timings })

  async function recover(signal: AbortSignal): Promise<void> {
    let asserted = state.epoch()
    for (;;) {
      const { verdict, seq, rest } = await state.run('the state', scripts.look, [keys.recovery], [], signal)
      const [epoch, led] = [String(rest[0]), rest[1] === 1]
      const isComplete = verdict === 'trusted' || verdict === 'epoch'
      if ((isComplete || (verdict === 'recovering' && led)) && asserted !== epoch) {
        await reassertHeld(signal)
        asserted = epoch
      }
      if (isComplete) return state.adopt(epoch, seq)
      if (!led) await tryToLead(signal)
      await pause(timings.pollMs, signal)
    }
  }

  async function tryToLead(signal: AbortSignal): Promise<void> {
    const [token, epoch] = [randomUUID(), randomUUID()]
    const { rest } = await state.run('the lead', scripts.lead, [keys.recovery], [token, epoch, timings.leadMs], signal)
    if (rest[0] !== 'leads') return
    const term = new AbortController()
    const until = AbortSignal.any([signal, term.signal])
    const step: Term['step'] = async (marks, lives, trusted) => {
      const args = [token, epoch, timings.leadMs, trusted ? 1 : 0, ...lives]
      const reply = await state.run('a step of the recovery', scripts.step, [keys.recovery, ...marks], args, until)
      if (reply.rest[0] === 'deposed') throw DEPOSED
      return reply.rest[1] === 1
    }
    const lease = keepLease(step, term, until)
    try {
      const mayBeNew = state.epoch() === ''
      await rebuild({ fromMs: Number(rest[1]), nowMs: Number(rest[2]), mayBeNew, step, signal: until })
    } catch (error) {
      if (signal.aborted) throw error
      log.info('this worker does not lead the recovery any more', { reason: (error as Error).message })
    } finally {
      term.abort(DEPOSED)
      await lease
      await scripts.resign([keys.recovery], [token]).catch((error: Error) => {
        log.debug("could not release the leader's lease: it will expire", { reason: error.message })
      })
    }
  }

  /** Renews the leader's lease until the term is over, and ends the term when the lease is lost. */
  async function keepLease(step: Term['step'], term: AbortController, until: AbortSignal): Promise<void> {
    try {
      for (;;) {
        await pause(timings.leadMs / 4, until)
        await step([], [], false)
      }
    } catch (error) {
      term.abort(error)
    }
  }

  return {
    async run(signal: AbortSignal): Promise<never> {
      for (;;) {
        await state.untilUntrusted(signal)
        await recover(signal)
      }
    },
  }
}

function loadScripts(redis: Redis, state: FleetState) {
  const guard = new URL('./guard.lua', import.meta.url)
  const file = (name: string) => new URL(`./recovery-${name}.lua`, import.meta.url)
  return {
    look: state.alone(loadScript(redis, [guard, file('look')], 2)),
    lead: state.alone(loadScript(redis, [guard, file('lead')], 2)),
    step: state.alone(loadScript(redis, [guard, file('step')], null)),
    resign: loadScript(redis, file('resign'), 1),
  }
}
