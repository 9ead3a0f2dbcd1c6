/** What passes between the pipeline and the provider. */
import type { RateHeaders } from '../budget/rate-headers.ts'
import type { FailureCode } from '../errors.ts'

export interface ChatMessage {
  role: 'system' | 'user'
  content: string
}

export interface Question {
  messages: readonly ChatMessage[]
  /** The strict JSON schema of the answer; null where the prompt holds it (OPENAI_RESPONSE_FORMAT=json_object). */
  schema: { name: string; schema: Record<string, unknown> } | null
  maxCompletionTokens: number
  /** The request's first byte is written before this, on performance.now()'s clock, or never. */
  sendByMs: number
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
  /** null: not told, so the estimate stands. */
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
    } & Said)
  /** `sendByMs` had passed; nothing was written, and the connection is ready for the next call. */
  | { kind: 'not_sent' }
  /** `sent`: the provider may bill it. */
  | { kind: 'aborted'; sent: boolean }
