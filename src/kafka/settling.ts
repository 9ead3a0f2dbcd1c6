/** Distinguishes errors of a Kafka that is getting ready, which end by themselves, from trouble that somebody has to repair. */
import { kafkaErrorType } from './kafka-error.ts'

/** A broker is loading a group or a transaction's state, another one has just taken it over, or a topic is new. */
const SETTLING = new Set([
  'GROUP_LOAD_IN_PROGRESS',
  'GROUP_COORDINATOR_NOT_AVAILABLE',
  'NOT_COORDINATOR_FOR_GROUP',
  'CONCURRENT_TRANSACTIONS',
  'UNKNOWN_TOPIC_OR_PARTITION',
  'LEADER_NOT_AVAILABLE',
  'NOT_LEADER_FOR_PARTITION',
])
/** A first start takes a few seconds on a slow machine. */
const SETTLES_WITHIN_MS = 15_000

export interface Settling {
  /** @param error what was thrown, or its kafkaReason @returns how to log it: `warn` when it is none of those above, or lasts too long */
  levelOf(error: unknown): 'info' | 'warn'
  /**
   * The same for what is logged once while it lasts, and once more when it becomes a warning.
   * @returns how to log it; null when that has been logged
   */
  newsOf(error: unknown): 'info' | 'warn' | null
  /** Kafka has answered well. @returns whether there was news of trouble before */
  over(): boolean
}

/** @returns a judge of the failures of one operation that is repeated until it succeeds @param now ms since any fixed point */
export function createSettling(now: () => number = () => performance.now()): Settling {
  let sinceMs: number | null = null
  let told: 'info' | 'warn' | null = null

  function levelOf(error: unknown): 'info' | 'warn' {
    const type = typeof error === 'string' ? error : kafkaErrorType(error)
    if (type === null || !SETTLING.has(type)) return 'warn'
    sinceMs ??= now()
    return now() - sinceMs < SETTLES_WITHIN_MS ? 'info' : 'warn'
  }

  return {
    levelOf,
    newsOf(error) {
      const [before, level] = [told, levelOf(error)]
      told = level
      return before === null || (before === 'info' && level === 'warn') ? level : null
    },
    over() {
      const wasTold = told !== null
      sinceMs = null
      told = null
      return wasTold
    },
  }
}
