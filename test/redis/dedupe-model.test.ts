/**
 * Random lives of a few messages under one id, on the real scripts: runs that crash at any point, zombies that go on, marks
 * that are never set, dead letters, partitions that come back, flushes, retention. Kafka is a plain model of the witness: a message is committed once, with its outcome.
 */
import { setTimeout as sleep } from 'node:timers/promises'
import fc from 'fast-check'
import { expect, inject, test } from 'vitest'
import type { ClaimOwner, Ended } from '../../src/claims/dedupe.ts'
import type { Fleet, FleetWorker } from './fleet.ts'
import { message, soon, startFleet } from './fleet.ts'

const ID = 7n
const MESSAGES = 4
const RUNS = 60
const LIMIT_MS = 20_000

type Phase = 'new' | 'claimed' | 'begun' | 'stored' | 'refused' | 'confirmed' | 'committed' | 'over'

interface Run {
  worker: FleetWorker
  phase: Phase
  /** What its transaction would publish: null for a skip. */
  result: { kind: 'success' } | { kind: 'refusal'; atMs: number } | { kind: 'letter'; atMs: number } | null
  /** Its confirmation has come, so its transaction may have been tried. */
  tried: boolean
}

interface Sent {
  owner: ClaimOwner
  run: Run | null
  /** Runs of workers that were thought dead: they go on, but Kafka lets them commit nothing. */
  zombies: Run[]
  state: 'due' | 'committed' | 'gone'
}

type Command =
  | { do: 'step' | 'zombie_step' | 'learn' | 'crash' | 'freeze' | 'vanish'; which: number; refuse: boolean }
  | { do: 'send' | 'flush' | 'letter'; which: number; refuse: boolean }

const command: fc.Arbitrary<Command> = fc.record({
  do: fc.oneof(
    { weight: 24, arbitrary: fc.constant('step' as const) },
    { weight: 6, arbitrary: fc.constant('zombie_step' as const) },
    { weight: 3, arbitrary: fc.constantFrom('crash' as const, 'freeze' as const) },
    { weight: 3, arbitrary: fc.constantFrom('letter' as const, 'learn' as const) },
    { weight: 4, arbitrary: fc.constant('send' as const) },
    { weight: 1, arbitrary: fc.constantFrom('flush' as const, 'vanish' as const) },
  ),
  which: fc.nat(MESSAGES - 1),
  refuse: fc.boolean(),
})

const ended = (owner: ClaimOwner, result: NonNullable<Run['result']>): Ended => ({
  id: ID,
  owner,
  publishes: result.kind === 'success' ? { kind: 'outcome' } : result,
})

const confirms = ({ phase }: Run) => phase === 'stored' || phase === 'refused'
const isConfirmed = ({ state, run }: Sent) => state === 'committed' || run?.phase === 'confirmed'

/** Long, because everything in it shares the log and what was published. */
function createWorld(fleet: Fleet) {
  const log: Sent[] = []
  const outcomes: NonNullable<Run['result']>[] = []
  let vanished = false

  /** Carries the run one step further, as the pipeline would. */
  async function step(sent: Sent, run: Run, refuse: boolean, signal = soon()): Promise<void> {
    const { worker } = run
    const { owner } = sent
    switch (run.phase) {
      case 'new': {
        const claim = await worker.claim(ID, owner, 'payload', signal)
        run.phase = claim.kind === 'duplicate' ? 'confirmed' : claim.stored === null ? 'claimed' : 'stored'
        if (run.phase === 'stored') run.result = { kind: 'success' }
        return
      }
      case 'claimed': {
        const next = refuse ? await worker.refuse(ID, owner, signal) : await worker.begin(ID, owner, false, signal)
        run.phase = next.kind === 'changed' ? 'new' : next.kind === 'begun' ? 'begun' : 'refused'
        if (next.kind === 'refused') run.result = { kind: 'refusal', atMs: next.atMs }
        return
      }
      case 'begun': {
        const stored = await worker.store(ID, owner, 'answer', signal)
        run.phase = stored.kind === 'stored' ? 'stored' : 'confirmed'
        run.result = stored.kind === 'stored' ? { kind: 'success' } : null
        return
      }
      case 'stored':
      case 'refused': {
        const lost = await worker.confirm([ended(owner, run.result as NonNullable<Run['result']>)], signal)
        if (lost.size > 0) run.result = null
        run.tried = run.result !== null
        run.phase = 'confirmed'
        return
      }
      case 'confirmed':
        return commit(sent, run)
      case 'committed':
        if (run.result === null) worker.letGo(ID, owner)
        else await worker.finish([ended(owner, run.result)], 'known', signal)
        run.phase = 'over'
    }
  }

  function commit(sent: Sent, run: Run): void {
    // A fenced zombie's transaction fails, as does the second one for an offset.
    if (sent.run !== run || sent.state !== 'due') {
      run.phase = 'over'
      return
    }
    run.phase = 'committed'
    sent.state = 'committed'
    fleet.stands(sent.owner, 'committed')
    if (run.result === null) return
    outcomes.push(run.result.kind === 'letter' ? { kind: 'letter', atMs: Date.now() } : run.result)
    if (run.result.kind === 'letter') return
    const wait = run.result.kind === 'refusal' ? 5 : null
    fleet.notifications.push({
      key: Buffer.from('new_notifications'),
      value: Buffer.from(`{"response":{"processing_id":${ID}},"wait_seconds":${wait}}`),
      headers: {},
      timestampMs: Date.now(),
    })
  }

  async function perform({ do: what, which, refuse }: Command): Promise<void> {
    if (what === 'send') {
      // The times of the messages differ from each other and from those of refusals.
      await sleep(2)
      if (log.length < MESSAGES)
        log.push({ owner: message({ partition: log.length }), run: null, zombies: [], state: 'due' })
      await sleep(2)
      return
    }
    if (what === 'flush') {
      // Flush only after the start: the model describes what Redis holds, not a flush during the start.
      await fleet.wipe()
      return
    }
    const sent = log[which]
    if (sent === undefined) return
    if (what === 'step') {
      if (sent.run === null && sent.state === 'due')
        sent.run = { worker: await fleet.worker(), phase: 'new', result: null, tried: false }
      if (sent.run !== null && sent.run.phase !== 'over') await step(sent, sent.run, refuse)
    } else if (what === 'zombie_step') {
      const zombie = sent.zombies.find(({ phase }) => phase !== 'over')
      // A worker that may have lost its membership confirms nothing (partition.ts). So a zombie confirms only as long as its successor has
      // not.
      if (zombie === undefined || (confirms(zombie) && isConfirmed(sent))) return
      // After a loss of data it waits for the recovery, which a thawed worker would lead itself and this one does not.
      const over = () => (zombie.phase = 'over')
      await step(sent, zombie, refuse, AbortSignal.timeout(200)).catch(over)
    } else if (what === 'learn') {
      const zombie = sent.zombies.find(({ tried, phase }) => tried && phase !== 'committed')
      if (zombie?.result == null || sent.state !== 'committed') return
      zombie.tried = false
      zombie.phase = 'over'
      await zombie.worker
        .finish([ended(sent.owner, zombie.result)], 'learned', AbortSignal.timeout(200))
        .catch(() => {})
    } else if (what === 'letter') {
      if (sent.run?.phase !== 'claimed' && sent.run?.phase !== 'stored') return
      sent.run.result = { kind: 'letter', atMs: 0 }
      sent.run.phase = 'stored'
    } else if (what === 'crash' || what === 'freeze') {
      if (sent.run === null) return
      if (what === 'freeze') {
        sent.run.worker.freeze()
        sent.zombies.push(sent.run)
      } else sent.run.worker.die()
      sent.run = null
    } else if (sent.state === 'due' && sent.run === null) {
      vanished = true
      sent.state = 'gone'
      fleet.stands(sent.owner, 'gone')
    }
  }

  /** All workers die; new ones handle what is left. */
  async function drain(): Promise<void> {
    for (const sent of log) {
      for (const run of [sent.run, ...sent.zombies]) run?.worker.die()
      sent.run = null
    }
    const worker = await fleet.worker()
    for (const sent of log.filter(({ state }) => state === 'due')) {
      sent.run = { worker, phase: 'new', result: null, tried: false }
      while (sent.run.phase !== 'over') await step(sent, sent.run, false)
    }
  }

  function check(): void {
    expect(outcomes.filter(({ kind }) => kind === 'success').length, 'successes').toBeLessThanOrEqual(1)
    if (vanished) return
    for (const { owner } of log) {
      const told = outcomes.some((each) => each.kind === 'success' || each.atMs >= owner.timestampMs)
      expect(told, `an outcome for the message of ${owner.timestampMs}`).toBe(true)
    }
  }

  return { perform, drain, check }
}

test('whatever dies, and whenever: one success at most, and no message without an outcome', async () => {
  const property = fc.asyncProperty(fc.array(command, { minLength: 10, maxLength: 50 }), async (commands) => {
    const fleet = await startFleet(inject('redisUrl'), {
      dedupe: { leaseMs: 40, renewEveryMs: 10, pollMs: 5, refusalMs: 0 },
      recovery: { pollMs: 5, reassertMs: 60, leadMs: 300 },
    })
    try {
      const world = createWorld(fleet)
      await world.perform({ do: 'send', which: 0, refuse: false })
      for (const each of commands) await world.perform(each)
      await world.drain()
      world.check()
    } finally {
      await fleet.stop()
    }
  })
  const details = await fc.check(property, { numRuns: RUNS, interruptAfterTimeLimit: LIMIT_MS })
  expect((await fc.asyncDefaultReportMessage(details)) ?? '').toBe('')
  expect(details.numRuns).toBeGreaterThan(5)
})
