/** The gauges, set at each scrape from what the parts report. */
import { Gauge } from 'prom-client'
import type { Registry } from 'prom-client'
import type { Axis, BudgetStatus } from '../budget/status.ts'
import type { ConsumerStatus } from '../kafka/consumer.ts'
import type { Hold } from '../provider/holds.ts'

/** The values of the gauges. An unknown value is left out, and so is its gauge. */
export interface Picture {
  /** As /readyz reports it. */
  ready?: boolean
  budget?: BudgetStatus
  /** The holds that delay this worker's calls. */
  holds?: readonly Hold[]
  consumer?: ConsumerStatus
  callsInFlight?: number
  /** Timestamp of the oldest uncommitted message of this worker, ms since the epoch; null when there is none. */
  oldestUncommittedMs?: number | null
}

const AXES: Record<Axis, { unit: 'requests' | 'tokens'; window: 'minute' | 'day' }> = {
  requestsPerMinute: { unit: 'requests', window: 'minute' },
  requestsPerDay: { unit: 'requests', window: 'day' },
  tokensPerMinute: { unit: 'tokens', window: 'minute' },
  tokensPerDay: { unit: 'tokens', window: 'day' },
}

/** @returns `show`, which replaces the previous picture by the given one */
export function createPicture(registry: Registry, prefix: string) {
  const clears: (() => void)[] = []
  const gauge = <T extends string>(name: string, help: string, labelNames: T[] = []) => {
    const made = new Gauge({ name: prefix + name, help, labelNames, registers: [registry] })
    // reset() would set a gauge without labels to 0, which would claim a value that is unknown.
    clears.push(labelNames.length === 0 ? () => made.remove() : () => made.reset())
    return made
  }
  const ready = gauge('ready', 'Whether the worker is ready, as /readyz says: 1 or 0.')
  const showBudget = createBudgetGauges(gauge)
  const showConsumer = createConsumerGauges(gauge)
  const holds = gauge('hold_age_seconds', 'For how long calls of this worker are held, by what and why.', [
    'kind',
    'reason',
  ])
  const calls = gauge('calls_in_flight', 'Calls to the provider in flight in this worker.')
  const oldest = gauge('oldest_unfinished_message_age_seconds', 'Since it was produced; of those this worker has.')

  function showHolds(found: readonly Hold[]): void {
    for (const { scope, code, holdsOthers, sinceMs } of found) {
      if (!holdsOthers) continue
      const kind = scope.split(':')[0] ?? scope
      holds.set({ kind, reason: code ?? 'paused' }, Math.max(0, Date.now() - sinceMs) / 1_000)
    }
  }

  return {
    show(picture: Picture): void {
      for (const clear of clears) clear()
      if (picture.ready !== undefined) ready.set(picture.ready ? 1 : 0)
      if (picture.budget !== undefined) showBudget(picture.budget)
      if (picture.holds !== undefined) showHolds(picture.holds)
      if (picture.consumer !== undefined) showConsumer(picture.consumer)
      if (picture.callsInFlight !== undefined) calls.set(picture.callsInFlight)
      const { oldestUncommittedMs } = picture
      if (oldestUncommittedMs === undefined) return
      oldest.set(oldestUncommittedMs === null ? 0 : Math.max(0, Date.now() - oldestUncommittedMs) / 1_000)
    },
  }
}

type MakeGauge = <T extends string>(name: string, help: string, labelNames?: T[]) => Gauge<T>

function createBudgetGauges(gauge: MakeGauge) {
  const perUnit = (unit: 'requests' | 'tokens') => ({
    limit: gauge(`budget_limit_${unit}`, `The budget's ${unit} per window.`, ['window']),
    used: gauge(`budget_used_${unit}`, `Spent ${unit} that are not back yet.`, ['window']),
    free: gauge(`budget_free_${unit}`, `What is left of the budget's ${unit} now.`, ['window']),
  })
  const units = { requests: perUnit('requests'), tokens: perUnit('tokens') }
  const open = gauge(
    'budget_open',
    '0: what was spent is not known any more, and nothing is granted until it is rebuilt.',
  )
  const held = gauge(
    'budget_held_seconds',
    'How long nothing is granted: told so by the provider, or because spendings were lost.',
    ['by'],
  )
  return ({ axes, open: isOpen, heldForMs, closedForMs }: BudgetStatus): void => {
    open.set(isOpen ? 1 : 0)
    held.set({ by: 'provider' }, heldForMs / 1_000)
    held.set({ by: 'lost_data' }, closedForMs / 1_000)
    if (!isOpen) return
    for (const { axis, limit, used, usedElsewhere, free } of axes) {
      const { unit, window } = AXES[axis]
      units[unit].used.set({ window }, used + usedElsewhere)
      if (limit !== null) units[unit].limit.set({ window }, limit)
      if (free !== null) units[unit].free.set({ window }, free)
    }
  }
}

function createConsumerGauges(gauge: MakeGauge) {
  const backlog = gauge('backlog_messages', "Messages of this worker's partitions that are not committed.", [
    'partition',
  ])
  const messages = gauge('messages', 'Messages that this worker has, by what becomes of them.', ['phase'])
  const states = gauge('partitions', 'Partitions assigned to this worker, by state.', ['state'])
  return ({ partitions }: ConsumerStatus): void => {
    for (const state of ['acquiring', 'ready', 'suspect']) states.set({ state }, 0)
    for (const phase of ['queued', 'running', 'answered']) messages.set({ phase }, 0)
    for (const { partition, state, lag, queued, running, completed } of partitions) {
      backlog.set({ partition: String(partition) }, Number(lag))
      states.inc({ state })
      messages.inc({ phase: 'queued' }, queued)
      messages.inc({ phase: 'running' }, running)
      messages.inc({ phase: 'answered' }, completed)
    }
  }
}
