/** What passes between the pipeline and the provider. */
import type { RateHeaders } from '../budget/rate-headers.ts'
import type { FailureCode } from '../errors.ts'
import type { Content } from './form.ts'
import type { Trial } from './trial.ts'

export interface Question extends Content {
  /** What earlier calls of this request taught of the form that the server takes; null for its first. */
  trial: Trial | null
  /** The request's first byte is written before this, on performance.now()'s clock, or never. */
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

/** What the provider said, of use to the budget and the gate whatever the outcome. */
export interface Said {
  /** null: not told, so the estimate stands. Zero of a request that was turned away before any work. */
  usage: Usage | null
  limits: RateHeaders
  /** Of the key that the call was made with. */
  keyFingerprint: string
}

export type Reply =
  | ({ kind: 'answer'; content: string; model: string } & Said)
  | ({
      kind: 'failure'
      code: FailureCode
      retryAfterMs: number | null
      /** For the log: status, codes and names of fields only, never the provider's own words. */
      detail: string
      /** false: no byte of the request was written, so nothing can have been billed. */
      sent: boolean
      /** How to ask again after a refused form or a cap that the thinking used up; null: no other way is left, or needed. */
      next: Trial | null
    } & Said)
  /** `sendByMs` had passed; nothing was written, and the connection is ready for the next call. */
  | { kind: 'not_sent' }
  /** `sent`: the provider may bill it. */
  | { kind: 'aborted'; sent: boolean }
