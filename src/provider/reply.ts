/** The questions that the pipeline asks, and the provider's replies. */
import type { RateHeaders } from '../budget/rate-headers.ts'
import type { FailureCode } from '../errors.ts'
import type { Content } from './form.ts'
import type { Trial } from './trial.ts'

export interface Question extends Content {
  /** What the request's earlier calls found out about the form; null before its first. */
  trial: Trial | null
  /** After this time, on performance.now()'s clock, the request is not sent any more. */
  sendByMs: number
  /** Called right before the request's first byte is written. */
  onSent?: () => void
  signal: AbortSignal
}

/** Tokens as billed. */
export interface Usage {
  promptTokens: number
  completionTokens: number
  totalTokens: number
}

/** What every reply tells besides its result. */
export interface Said {
  /** null: unknown, so the reservation stays if the call was sent. Zero for a request that was turned away before any work. */
  usage: Usage | null
  limits: RateHeaders
}

export type Reply =
  | ({ kind: 'answer'; content: string; model: string } & Said)
  | ({
      kind: 'failure'
      code: FailureCode
      retryAfterMs: number | null
      /** For the log: status, codes and names of fields only, never the provider's own texts. */
      detail: string
      /** false: no byte of the request was written, so nothing can have been billed. */
      sent: boolean
      /** How to ask again after a refused form or a used-up cap; null: that is impossible or not needed. */
      next: Trial | null
    } & Said)
  /** `sendByMs` had passed: nothing was written, and the connection is ready for the next call. */
  | { kind: 'not_sent' }
  /** `sent`: the provider may bill the call. */
  | { kind: 'aborted'; sent: boolean }
