/** Tells the fleet how calls ended, and logs what follows for its holds; see gate.ts. */
import type { FailureCode } from '../errors.ts'
import { FAILURES } from '../errors.ts'
import { abortable } from '../lib/abortable.ts'
import type { Log } from '../logging/log.ts'
import { groupCommit } from '../redis/group-commit.ts'
import { FirstFailures } from './first-failures.ts'
import type { GateScripts, Pass, Reported } from './gate-scripts.ts'
import { scopesOf } from './gate-scripts.ts'
import type { CallResult } from './holds.ts'
import { blamedScope } from './holds.ts'

/** What the fleet knows about a failure, for attempts.ts. */
export interface FleetEvidence {
  /** The gate holds the calls of this scope. It sets their pace, so they need no further backoff. */
  held: boolean
  /** The scopes of the call. Compare evidence only when these are equal. */
  scopes: string
  /** How many calls of the fleet in these scopes, all of other requests, were answered. An hour without any resets the count. */
  successes: number
}

/** @param closing aborts on the gate's `close()` */
export function createGateReports(scripts: GateScripts, log: Log, closing: AbortSignal) {
  const failedFirst = new FirstFailures()

  /** Reports answered calls together: one report for each identity, with the start of the call that began last. */
  const reportAnswered = groupCommit(async (answered: readonly Pass[]) => {
    const replies = new Map<Pass, Reported>()
    for (const group of Map.groupBy(answered, ({ identity: who }) => scopesOf(who)).values()) {
      const last = group.reduce((latest, pass) => (pass.startedAtMs > latest.startedAtMs ? pass : latest))
      const reply = await scripts.report(last, 'answered', null, closing, { calls: group.length })
      for (const pass of group) replies.set(pass, pass === last ? reply : { ...reply, lifted: [] })
    }
    return answered.map((pass) => replies.get(pass) as Reported)
  })

  /** @throws the signal's reason when it aborts while Redis is away */
  async function send(
    pass: Pass,
    result: CallResult,
    signal: AbortSignal,
    cause: string,
  ): Promise<Reported & { evidence: FleetEvidence }> {
    const { id, identity: who, probe } = pass
    const scopes = scopesOf(who)
    const reported =
      result === 'answered' && probe === null
        ? await abortable(reportAnswered(pass), signal)
        : await scripts.report(pass, result, failedFirst.successes(id, scopes), signal, { cause })
    const { state, failures, successes, lifted } = reported
    const blamed = blamedScope(result)
    if (state === 'one_request' && blamed !== null) {
      const fields = { ...holdFields({ code: result as FailureCode, cause }, who[blamed]), failures }
      log.error('one request fails again and again, and no other is answered', fields)
    }
    for (const { scope, code } of lifted) log.info('a hold is lifted', { scope: who[scope], code })
    if (blamed === null) failedFirst.forget(id)
    else failedFirst.remember(id, scopes, successes)
    return { ...reported, evidence: { held: state === 'held' || state === 'newly_held', scopes, successes } }
  }

  return { send }
}

/** @returns the fields of a log line about a hold */
export function holdFields({ code, cause }: { code: FailureCode; cause: string }, scope: string) {
  return { scope, code, ...(cause === '' ? {} : { cause }), todo: FAILURES[code].remedy }
}
