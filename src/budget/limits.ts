/** What a budget allows, and the margins that keep its limits when requests arrive at the provider later than they were granted. */

/** Null is no limit. Tokens are prompt and completion together, as billed. */
export interface BudgetLimits {
  requestsPerMinute: number | null
  requestsPerDay: number | null
  tokensPerMinute: number | null
  tokensPerDay: number | null
}

/** ms. A unit stays spent for the window and the margin. */
export interface BudgetWindows {
  minuteMs: number
  dayMs: number
  /**
   * How much later than its grant a request may arrive at the provider without ever exceeding a limit in a rolling window: half of it
   * from asking for the grant to sending, half for the network. 1.5 % of a minute.
   */
  marginMs: number
}

export const BUDGET_WINDOWS: BudgetWindows = { minuteMs: 60_000, dayMs: 86_400_000, marginMs: 900 }

/** By this part, divided by the burst, requests are granted further apart than evenly, so that one may arrive late. */
const SPACING_MARGIN = 0.07
/** Of the time by which a burst may run ahead, the part that is kept for requests that are sent and arrive late. */
const LATE_PART = 0.1
const SEND_WITHIN_MIN_MS = 25

export interface Pace {
  /** From one request to the next, ms; 0 is no spacing. */
  spacingMs: number
  /** How far a burst may run ahead of the spacing, ms. */
  aheadMs: number
  /** A call must be sent within this time after its grant was asked for. Otherwise the grant lapses and stays spent. ms */
  sendWithinMs: number
}

/**
 * @param burst how many requests may go back to back; null, or the minute's limit and more: no spacing
 * @returns the spacing, with a margin against jitter: requests are granted a little further apart than the provider demands. They must
 * be sent within that margin, half of the burst's reserve or 25 ms, whichever is longest, and never later than without spacing
 */
export function paceOf(limits: BudgetLimits, burst: number | null, windows: BudgetWindows = BUDGET_WINDOWS): Pace {
  const { requestsPerMinute } = limits
  const sendWithinMs = windows.marginMs / 2
  if (burst === null || requestsPerMinute === null || burst >= requestsPerMinute) {
    return { spacingMs: 0, aheadMs: 0, sendWithinMs }
  }
  const evenMs = windows.minuteMs / requestsPerMinute
  const spareMs = evenMs * Math.max(windows.marginMs / windows.minuteMs, SPACING_MARGIN / burst)
  const spacingMs = evenMs + spareMs
  const runAheadMs = (burst - 1) * spacingMs
  const lateMs = Math.min(windows.marginMs, runAheadMs * LATE_PART)
  return {
    spacingMs,
    aheadMs: runAheadMs - lateMs,
    sendWithinMs: Math.min(sendWithinMs, Math.max(SEND_WITHIN_MIN_MS, spareMs, lateMs / 2)),
  }
}

/** @returns whether this many tokens exceed a limit by themselves, so that they can never be granted */
export function isTooLong(tokens: number, limits: BudgetLimits): boolean {
  return tokens > (limits.tokensPerMinute ?? Infinity) || tokens > (limits.tokensPerDay ?? Infinity)
}
