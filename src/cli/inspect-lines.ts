/** Renders the output of `inspect`. */
import type { BudgetStatus } from '../budget/status.ts'
import { blocksOf } from '../budget/status.ts'
import type { KnownClaim } from '../claims/inspect.ts'
import type { Hold } from '../provider/holds.ts'
import { blockLine, holdLine } from '../ops/status-lines.ts'
import { duration, section, table, time } from '../lib/text.ts'
import type { Facts, OutcomeCopy, RequestCopy } from './verdict.ts'
import { foreignText } from './verdict.ts'

/** What may delay a request that waits. */
export interface Obstacles {
  holds: Hold[]
  budget: BudgetStatus
  /** The request's partition when no live worker has it; else null. */
  unservedPartition: number | null
}

/** @param obstacles null when the request does not wait */
export function inspectLines(
  id: bigint,
  { state, because }: { state: string; because: string },
  facts: Facts,
  obstacles: Obstacles | null,
): string[] {
  return [
    stateLine(id, state, because),
    ...(obstacles === null ? [] : obstacleLines(obstacles)),
    ...redisLines(facts),
    ...kafkaLines(facts),
  ]
}

/** @param away the service whose half is not known */
export function halfLines(
  id: bigint,
  { state, because }: { state: string; because: string },
  facts: Facts,
  away: 'Redis' | 'Kafka',
): string[] {
  return [stateLine(id, state, because), ...(away === 'Redis' ? kafkaLines(facts) : redisLines(facts))]
}

const stateLine = (id: bigint, state: string, because: string) =>
  `request ${id}: ${state.replaceAll('_', ' ')} (${because})`

function redisLines(facts: Facts): string[] {
  const { markedForMs } = facts
  return [`mark: ${markedForMs === null ? 'none' : `set, expires in ${duration(markedForMs)}`}`, claimLine(facts)]
}

function kafkaLines({ requests, outcomes, letters }: Facts): string[] {
  const letterRows = letters.map(({ partition, offset, timestampMs, reason, detail }) => {
    return [`${partition}/${offset}`, time(timestampMs), reason, detail]
  })
  return [
    ...rows('requests', ['at', 'time', 'standing', 'is'], requests.map(requestRow)),
    ...rows('notifications', ['at', 'time', 'outcome', 'how'], outcomes.map(outcomeRow)),
    ...rows('dead letters', ['at', 'time', 'reason', 'detail'], letterRows),
  ]
}

function rows(heading: string, head: string[], cells: (string | number | bigint)[][]): string[] {
  return section(heading, cells.length === 0 ? [] : table(head, cells))
}

function obstacleLines({ holds, budget, unservedPartition }: Obstacles): string[] {
  const unserved = `  no living worker has partition ${unservedPartition}: start one, or wait for the group to assign it`
  const held = [...(unservedPartition === null ? [] : [unserved]), ...holds.map((hold) => `  ${holdLine(hold)}`)]
  const blocks = blocksOf(budget).map((block) => `  budget: ${blockLine(block, Date.now())}`)
  return [...held, ...blocks]
}

function claimLine({ claim, ownerStanding }: Facts): string {
  if (claim === null) return 'claim: none'
  const { owner, state, isAsked, refusedAtMs, hasAnswer } = claim
  const place = `${owner.topic}/${owner.partition} offset ${owner.offset} of ${time(owner.timestampMs)}`
  const parts = [
    `claim: ${state}, owned by ${place} (${ownerStanding ?? 'unknown'}) in group ${owner.group}`,
    callsBegun(claim),
    ...(isAsked ? ['a call is in flight'] : []),
    ...(refusedAtMs === null ? [] : [`refused at ${time(refusedAtMs)}`]),
    ...(hasAnswer ? ['an answer is stored'] : []),
  ]
  return parts.join('; ')
}

function callsBegun({ starts, fruitless }: KnownClaim): string {
  const all = `calls begun: ${starts + fruitless}`
  return fruitless === 0 ? all : `${all}, of which ${fruitless} ended without an outcome`
}

function requestRow({ partition, offset, timestampMs, standing, foreignKey, duplicateOf, conflict }: RequestCopy) {
  const at = `${partition}/${offset}`
  if (foreignKey !== null) return [at, time(timestampMs), standing, `skipped: ${foreignText(foreignKey)}`]
  const role = duplicateOf === null ? 'the request' : `duplicate of ${duplicateOf.partition}/${duplicateOf.offset}`
  return [at, time(timestampMs), standing, conflict ? `${role}, with another content` : role]
}

function outcomeRow({ partition, offset, timestampMs, success, score, verdict, ...outcome }: OutcomeCopy) {
  const { messageError, waitSeconds, headers } = outcome
  const failure = waitSeconds === null ? `failure: ${messageError ?? ''}` : `refused, again after ${waitSeconds} s`
  const how = Object.entries(headers).map(([name, value]) => `${name.slice('scoring-'.length)}=${value}`)
  return [
    `${partition}/${offset}`,
    time(timestampMs),
    success ? `${score ?? '?'} ${verdict ?? ''}` : failure,
    how.join(' '),
  ]
}
