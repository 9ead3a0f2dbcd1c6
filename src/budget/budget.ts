/**
 * The budget that all workers with one budget name share. A request is reserved in all axes at once or not at all, by Redis's clock.
 *
 * Within a process users take turns (lib/waiting-line.ts), and one call of the script asks for several requests (admission.ts). While
 * the budget is short, each process has one place in the fleet's line (line.lua). The line is strict: nobody is granted what those ahead
 * need, so smaller requests cannot overtake a large one. After a grant the process's next request joins at the end, so processes take
 * turns.
 *
 *   reserve → granted → sent before sendByMs → settle to what was billed → published (the outcome is committed)
 *           → refused: its turn is further away than maxWaitMs, or its user's share of the day is spent
 */
import { randomUUID } from 'node:crypto'
import type { Redis } from 'ioredis'
import type { Config } from '../config.ts'
import type { Log } from '../logging/log.ts'
import type { RedisKeys } from '../redis/keys.ts'
import type { RetryWhileAway } from '../redis/retry.ts'
import { Gathering, groupCommit } from '../redis/group-commit.ts'
import type { Demand, Grant as Admitted } from './admission.ts'
import { createAdmission } from './admission.ts'
import { CallSlots } from './call-slots.ts'
import { createJournal } from './journal.ts'
import { BUDGET_WINDOWS, isTooLong, paceOf } from './limits.ts'
import type { BudgetLimits, BudgetWindows } from './limits.ts'
import { createKnowledge } from './knowledge.ts'
import type { RateHeaders } from './rate-headers.ts'
import { isLess, remainingOf } from './rate-headers.ts'
import { createRebuild } from './rebuild.ts'
import type { Published } from './rebuild.ts'
import type { BudgetRefusal } from './scripts.ts'
import { budgetScripts } from './scripts.ts'
import { SendPace } from './send-pace.ts'
import { readStatus } from './status.ts'
import type { Share } from './user-share.ts'
import { createUserShare } from './user-share.ts'

/** `share`: what the call takes of its user's share of the day; null: the user's share is not bounded. */
export type Grant = Admitted & { share: Share | null }

/** What becomes of a demand. `too_long`: it never fits. */
export type BudgetDecision = Grant | BudgetRefusal | { kind: 'too_long' }

export interface BudgetOptions {
  redis: Redis
  retryWhileAway: RetryWhileAway
  /** redis/keys.ts: budget(name). */
  prefix: string
  /** redis/keys.ts: state. */
  sentinel: string
  limits: BudgetLimits
  /** How many requests may go back to back; null: no even spacing. */
  burst: number | null
  /** Whether users take turns within this process; false: in the order of arrival. */
  isFair?: boolean
  /** The part (0 to 1) of each limit of the day that one user may take; null: no bound. */
  userShare?: number | null
  /** A request waits while its turn is at most this far away, and is refused otherwise. */
  maxWaitMs: number
  /** Bounds this process's calls in flight; undefined: no bound. */
  slots?: CallSlots
  /** This worker's name, unique among all workers that have ever run. */
  worker: string
  log: Log
  /** Calls back with each message of a channel until the returned function is called. Messages are only hints and may be lost. */
  subscribe: (channel: string, onMessage: (message: string) => void) => () => void
  /** Called once for each loss that this worker notices (data is missing or older than known): the budget must be rebuilt. */
  onLost: () => void
  /** Shorter ones in tests. */
  windows?: BudgetWindows
}

export type Budget = ReturnType<typeof createBudget>

/** @returns the options that come from the settings; all processes that share a budget need equal ones */
export function budgetSettings(
  { name, burst, maxWaitMs, isFair, userShare, ...limits }: Config['budget'],
  keys: RedisKeys,
) {
  return { prefix: keys.budget(name), sentinel: keys.state, limits, burst, maxWaitMs, isFair, userShare }
}

/**
 * Long, because it puts the parts of the budget together.
 * @returns the budget. It asks Redis nothing before its first use; `close` ends its subscription and the waits
 */
export function createBudget(options: BudgetOptions) {
  const { redis, prefix, sentinel, limits, worker, log, retryWhileAway, windows = BUDGET_WINDOWS } = options
  const pace = paceOf(limits, options.burst, windows)
  const scripts = budgetScripts({ redis, prefix, sentinel, limits, windows, pace })
  const journal = createJournal()
  const closing = new AbortController()
  const shut = (signal: AbortSignal) => hold(0, 'closed', signal)
  const rebuilding = createRebuild({ scripts, retryWhileAway })
  const { known, learn } = createKnowledge({ journal, log, add: rebuilding.add, shut, onLost: options.onLost })
  let hasNarrowed = false
  const admission = createAdmission({
    scripts,
    retryWhileAway,
    journal,
    learn,
    known,
    pace,
    maxWaitMs: options.maxWaitMs,
    slots: options.slots ?? new CallSlots(Number.MAX_SAFE_INTEGER, new SendPace(Infinity)),
    worker,
    log,
    signal: closing.signal,
  })
  const { isFair = true, userShare = null } = options
  const dayMs = windows.dayMs + windows.marginMs
  const ofUsers = { redis, retryWhileAway, prefix, limits, dayMs, log, signal: closing.signal }
  const shares = userShare === null ? null : createUserShare({ ...ofUsers, part: userShare })
  // A settlement does not linger for others: `narrow` must follow it, and waits for it.
  const settleTogether = groupCommit(async (grants: readonly { id: string; atMs: number; billed: number | null }[]) => {
    const version = await scripts.settle(grants)
    return grants.map(() => version)
  }, new Gathering(0))

  const unsubscribe = options.subscribe(`${prefix}wake`, (message) => {
    admission.wake(message)
    // Sent by initialise.lua: somebody created or rebuilt the budget.
    if (message !== 'opened') return
    const { signal } = closing
    retryWhileAway('the budget', () => scripts.version(), signal)
      .then((version) => learn(version, signal))
      .catch((error: Error) => log.debug('could not check the budget that was put into use', { reason: error.message }))
  })

  async function hold(ms: number, why: 'hold' | 'closed', signal: AbortSignal): Promise<void> {
    await retryWhileAway('the hold', () => scripts.hold(ms, why), signal)
  }

  const tellsLess = (grant: Grant, said: ReturnType<typeof remainingOf>) =>
    isLess('requests', said, grant.used, limits) || isLess('tokens', said, grant.used, limits)

  return {
    /** @returns whether `reserve` would answer `too_long` for this many tokens */
    neverFits: (tokens: number) => isTooLong(tokens, limits),

    /**
     * Reserves one request and its tokens, and takes a slot.
     * @returns a grant, whose call must be sent before `sendByMs` and whose slot must be released after the call; a refusal, decided
     * at once when the user's share is spent, else when it is the request's turn in this process; or `too_long`: it never fits, and
     * nothing was spent
     * @throws the signal's reason when it aborts during the wait; an error after `close`
     */
    async reserve(demand: Demand, signal: AbortSignal): Promise<BudgetDecision> {
      if (isTooLong(demand.tokens, limits)) return { kind: 'too_long' }
      const tokens = Math.ceil(demand.tokens)
      const wait = () => admission.wait({ ...demand, tokens, user: isFair ? demand.user : '' }, signal)
      if (shares !== null && demand.user !== '') return await shares.within(demand.user, tokens, wait, signal)
      const admitted = await wait()
      return admitted.kind === 'granted' ? { ...admitted, share: null } : admitted
    },

    /**
     * Corrects a grant to what was billed, which may be more than was reserved.
     * @param billedTokens null: not known; the reservation stays
     */
    async settle(grant: Grant, billedTokens: number | null, signal: AbortSignal): Promise<void> {
      if (billedTokens !== null) journal.settled(grant.id, billedTokens)
      const settle = () => settleTogether({ id: grant.id, atMs: grant.atMs, billed: billedTokens })
      await learn(await retryWhileAway('the settlement', settle, signal), signal)
      if (grant.share !== null && billedTokens !== null) await shares?.settle(grant.share, billedTokens, signal)
    },

    /** The outcome that accounts for these grants (ids) is committed: a recovery counts them from there. */
    published: (ids: string[]) => journal.published(ids),

    /** Grants nothing to any worker for `ms`; a longer hold stays. */
    holdFor: (ms: number, signal: AbortSignal) => hold(ms, 'hold', signal),

    /** Data was lost: shuts the budget until it is rebuilt, and grants nothing for `ms`, a minute from the loss at least. */
    closeFor: (ms: number, signal: AbortSignal) => hold(ms, 'closed', signal),

    /**
     * @returns whether an answer's headers may change what may be spent: they report less left than is known here, or may lift a
     * shortage that this worker reported before
     */
    narrows: (grant: Grant, headers: RateHeaders): boolean => hasNarrowed || tellsLess(grant, remainingOf(headers)),

    /** Takes over what the headers of the answer to a granted request say about the provider's limits. */
    async narrow(grant: Grant, headers: RateHeaders, signal: AbortSignal): Promise<void> {
      const said = remainingOf(headers)
      const isLessThanKnown = tellsLess(grant, said)
      // Headers that report no shortage matter only when they lift one that this worker reported before.
      if (!isLessThanKnown && !hasNarrowed) return
      hasNarrowed = isLessThanKnown
      await learn(await retryWhileAway('the budget', () => scripts.narrow(said, grant), signal), signal)
    },

    /**
     * Creates a budget that nobody has used before, and leaves one that is in use alone. Call it when Redis is trusted.
     * @returns false when Redis is not trusted or the budget's own data is lost: the budget then stays shut until it is rebuilt
     */
    async initialise(signal: AbortSignal): Promise<boolean> {
      const version = await retryWhileAway('the budget', () => scripts.initialise(`new-${randomUUID()}`, 'new'), signal)
      await learn(version, signal)
      return version !== null
    },

    /**
     * Adds the spendings that the budget lost and puts it into use again; does nothing to one that is in use. Until a minute after the
     * loss was found the budget grants nothing. Live workers add what they spent on outcomes that are not published yet. Several
     * workers may rebuild at once.
     * @param published the spendings that outcomes of the last day account for; those that the budget still has are ignored
     */
    async rebuild(published: Iterable<Published>, signal: AbortSignal): Promise<void> {
      await learn(await rebuilding.rebuild(published, signal), signal)
    },

    /** @throws when Redis is away */
    status: async () => readStatus(await scripts.status(), limits),

    nextTurnInMs: admission.nextTurnInMs,

    /** How many requests, and of how many users, wait in this process. */
    waiting: admission.waiting,
    waitingUsers: admission.waitingUsers,

    close(): void {
      closing.abort(new Error('the budget is closed'))
      unsubscribe()
    },
  }
}
