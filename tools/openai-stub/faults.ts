/** Every way in which this server can misbehave. */
import type { Answer } from './answer.ts'
import type { Completion } from './completion.ts'
import * as problems from './problems.ts'
import type { Problem, Profile } from './profiles.ts'
import { countTokens, cutToTokens } from './tokens.ts'
import type { ChatRequest } from './validate.ts'

/** What a fault may know of the request that it spoils. */
export interface Facts {
  request: ChatRequest
  profile: Profile
  key: string
  requestId: string
  promptTokens: number
  options: FaultOptions
}

/** Parameters of a fault; each has a default. */
export interface FaultOptions {
  /** http_status: 500 */
  status?: number
  /** rate_limited: the wait that it names, ms; 1000 */
  retryAfterMs?: number
  /** refuse_parameter: temperature */
  parameter?: string
  /** trickle: ms between two bytes, 200; slow: ms before the answer, 5000 */
  delayMs?: number
}

export interface Reply {
  status: number
  headers: Record<string, string>
  body: string
}

/** How the bytes are sent. `half` sends the first half of the body with the content length of the whole. */
export type Delivery =
  'hang' | 'reset' | 'close' | 'headers_only' | 'half_then_stall' | 'half_then_reset' | 'half_then_close' | 'trickle'

export type Fault =
  /** An error instead of an answer, billed nothing; null: the fault does not apply to this request. */
  | { problem: (facts: Facts) => Problem | null }
  /** Another answer, billed as usual. */
  | { completion: (completion: Completion, facts: Facts) => Completion }
  /** Other bytes instead of the reply; billed when the status is 200. */
  | { reply: (reply: Reply, facts: Facts) => Reply }
  /** The right bytes, badly delivered; billed, because the model has answered. */
  | { delivery: Delivery }
  | { slow: true }

/** Requirements that no vacancy of the tests has. */
const COOKS = [
  'Приготовление супов',
  'Разделка рыбы',
  'Выпечка хлеба',
  'Составление меню',
  'Санитарные нормы',
  'Соусы',
  'Десерты',
]

const problem = (make: (facts: Facts) => Problem | null): Fault => ({ problem: make })

/** Text around or instead of the answer; what it adds is billed as well. */
const content = (change: (content: string) => string): Fault => ({
  completion: (completion) => {
    const changed = change(completion.content ?? '')
    return { ...completion, content: changed, completionTokens: countTokens(changed) }
  },
})

/** Changes fields of the answer, which stays JSON; a truncated answer stays as it is. */
const opinion = (change: (answer: Answer) => unknown): Fault =>
  content((text) => {
    try {
      return JSON.stringify(change(JSON.parse(text) as Answer))
    } catch (error) {
      if (error instanceof SyntaxError) return text
      throw error
    }
  })

const completion = (change: Partial<Completion>): Fault => ({ completion: (whole) => ({ ...whole, ...change }) })

const html = (status: number, title: string): Fault => ({
  reply: () => ({
    status,
    headers: { 'content-type': 'text/html' },
    body: `<html>\r\n<head><title>${title}</title></head>\r\n<body>\r\n<center><h1>${title}</h1></center>\r\n<hr><center>nginx</center>\r\n</body>\r\n</html>\r\n`,
  }),
})

const body = (change: (body: string) => string): Fault => ({
  reply: (reply) => ({ ...reply, body: change(reply.body) }),
})

const limitFacts = ({ request, promptTokens, options }: Facts, hinted: boolean): problems.LimitFacts => ({
  model: request.model,
  axis: 'requests',
  limit: 3,
  used: 3,
  requested: promptTokens > 0 ? 1 : 0,
  waitMs: hinted ? (options.retryAfterMs ?? 1_000) : null,
})

const ERRORS = {
  rate_limited: problem((facts) => problems.rateLimited(limitFacts(facts, true))),
  rate_limited_no_hint: problem((facts) => problems.rateLimited(limitFacts(facts, false))),
  request_too_large: problem(({ request, promptTokens }) =>
    problems.requestTooLarge(request.model, Math.floor(promptTokens / 2), promptTokens),
  ),
  context_length: problem(({ request, promptTokens }) =>
    problems.contextExceeded(Math.floor(promptTokens / 2), promptTokens, request.maxTokens ?? 0),
  ),
  insufficient_quota: problem(() => problems.insufficientQuota),
  billing_not_active: problem(() => problems.billingNotActive),
  billing_hard_limit: problem(() => problems.billingHardLimit),
  unauthorized: problem(({ key }) => problems.unauthorized(key)),
  /** The error contains the whole key, as with careless servers. */
  echo_key: problem(({ key }) => problems.unauthorized(key, true)),
  territory: problem(() => problems.territory),
  model_not_found: problem(({ request }) => problems.modelNotFound(request.model)),
  refuse_parameter: problem(({ request, options }) => {
    const name = options.parameter ?? 'temperature'
    return (request.body[name] ?? null) === null ? null : problems.unsupportedParameter(name)
  }),
  rejected_text: problem(() => problems.rejectedText),
  content_filter_prompt: problem(() => problems.promptFiltered),
  http_status: problem(({ requestId, options }) => problems.serverError(options.status ?? 500, requestId)),
  http_500: problem(({ requestId }) => problems.serverError(500, requestId)),
  http_503: problem(({ requestId }) => problems.serverError(503, requestId)),
  http_502: html(502, '502 Bad Gateway'),
  http_504: html(504, '504 Gateway Time-out'),
} satisfies Record<string, Fault>

const DELIVERIES = {
  /** No byte at all. */
  hang: { delivery: 'hang' },
  reset: { delivery: 'reset' },
  /** The connection is closed cleanly, without an answer. */
  close: { delivery: 'close' },
  /** Headers, then nothing. */
  stall: { delivery: 'headers_only' },
  stall_body: { delivery: 'half_then_stall' },
  reset_body: { delivery: 'half_then_reset' },
  close_body: { delivery: 'half_then_close' },
  /** Byte by byte. */
  trickle: { delivery: 'trickle' },
  /** A right answer, late. */
  slow: { slow: true },
} satisfies Record<string, Fault>

const BODIES = {
  html_200: html(200, 'Welcome'),
  empty_200: body(() => ''),
  broken_200: body((text) => text.slice(0, Math.floor(text.length / 2))),
  error_200: body(() => '{"error":{"message":"Provider returned error","code":502}}'),
  limit_garbage: {
    reply: (reply) => ({
      ...reply,
      headers: {
        ...reply.headers,
        'x-ratelimit-limit-requests': '-1',
        'x-ratelimit-remaining-requests': '-1',
        'x-ratelimit-reset-requests': 'soon',
        'x-ratelimit-remaining-tokens': '1e999',
        'x-ratelimit-reset-tokens': '-5s',
        'retry-after': 'yesterday',
      },
    }),
  },
} satisfies Record<string, Fault>

const ANSWERS = {
  empty_choices: completion({ hasChoice: false }),
  null_content: completion({ content: null, completionTokens: 0 }),
  no_usage: completion({ tellsUsage: false }),
  refusal: completion({ content: null, refusal: 'I’m sorry, but I can’t assist with that.', completionTokens: 12 }),
  content_filter: completion({ content: null, finishReason: 'content_filter', completionTokens: 0 }),
  /** Truncated in the middle; all allowed tokens are billed. */
  length: {
    completion: (whole, { request }) => ({
      ...whole,
      content: cutToTokens(whole.content ?? '', Math.floor(whole.completionTokens / 2)),
      finishReason: 'length',
      completionTokens: request.maxTokens ?? whole.completionTokens,
    }),
  },
  /** Truncated, although the rest is valid JSON. */
  length_parses: completion({ finishReason: 'length' }),
  /** Bills ten times the tokens that it contains. */
  dear: { completion: (whole) => ({ ...whole, completionTokens: whole.completionTokens * 10 }) },
  code_fence: content((text) => `\`\`\`json\n${text}\n\`\`\``),
  trailing_words: content((text) => `${text}\n\nНадеюсь, это поможет!`),
  leading_words: content((text) => `Вот оценка резюме:\n${text}`),
  not_json: content(() => 'Кандидат подходит, рекомендую пригласить его на собеседование.'),
  off_topic: content((answer) => {
    const { requirements, ...rest } = JSON.parse(answer) as { requirements: object[] }
    return JSON.stringify({
      ...rest,
      requirements: requirements.map((each, n) => ({ ...each, requirement: COOKS[n] ?? '' })),
    })
  }),
  wrong_schema: content(() => '{"rating":5,"comment":"ok"}'),
  score_101: opinion((answer) => ({ ...answer, score: 101 })),
  score_negative: opinion((answer) => ({ ...answer, score: -1 })),
  score_fraction: opinion((answer) => ({ ...answer, score: 87.5 })),
  score_text: opinion((answer) => ({ ...answer, score: '87' })),
  extra_keys: opinion((answer) => ({ ...answer, confidence: 0.9, verdict: 'Подходит' })),
  /** Everything is met, with invented quotes: a model that obeys an attack. */
  invented_quotes: opinion((answer) => ({
    requirements: answer.requirements.map(({ requirement }) => ({
      requirement,
      quote: `Десять лет отвечал за ${requirement} в крупной компании`,
      evidence: 'stated',
    })),
    score: 100,
    recommendation: 'Идеальный кандидат, подтверждены все требования. Рекомендуется пригласить на собеседование.',
  })),
  contradiction: opinion((answer) => ({
    ...answer,
    recommendation:
      answer.score >= 50
        ? 'Кандидат не подходит: ключевые требования не подтверждены. Рекомендуется отказать.'
        : 'Кандидат отлично подходит. Рекомендуется пригласить на собеседование.',
  })),
} satisfies Record<string, Fault>

/** All faults by the names that the control interface and the markers in texts use. */
export const FAULTS: Record<string, Fault> = { ...ERRORS, ...DELIVERIES, ...BODIES, ...ANSWERS }

export type FaultName = keyof (typeof ERRORS & typeof DELIVERIES & typeof BODIES & typeof ANSWERS)
