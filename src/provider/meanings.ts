/**
 * Finds out what an error means, by its codes and its words. Pure.
 *
 * This is no list of servers' messages. Each meaning is a subject and a statement near each other, so that the messages of
 * unknown servers are understood too: in English, and where a mistake would hold other requests, also in Russian, Chinese and
 * German. Codes count before words. Only the beginning of a message counts, since the rest may quote a resume that mentions
 * quotas or context windows. For any other message the status decides; a 400 is then mostly an unclear rejection, after which the
 * request is asked again.
 */
import type { FailureCode } from '../errors.ts'
import type { ErrorBody } from './error-body.ts'

/** Servers state the reason first and quote the request after it. */
const REASON_CHARS = 300

/** @returns a pattern for `subject` and `says` within one line, in either order, or for `whole` */
const near = (subject: string, says: string, whole = '(?!)') =>
  new RegExp(`(?:${subject})[^\\n]{0,120}?(?:${says})|(?:${says})[^\\n]{0,60}?(?:${subject})|${whole}`)

const NOT_SERVED =
  'n.t\\b|unsupported|unavailable|restricted|blocked|denied|forbidden|prohibited|banned|disallowed|sanctioned|\\bnicht\\b|gesperrt|недоступ|запрещ|не (?:поддерж|обслуж)|不.?支持|不可用|不提供|限制|禁止'
const PLACES =
  '\\b(?:countr(?:y|ies)|regions?|territor(?:y|ies)|locat(?:ion|ed)|geo\\w+|jurisdiction|land|standort)\\b|стран[аеуы]|регион|地区|国家'
const OVER =
  'is only \\d|überschreit|übersteig|zu (?:lang|groß|viele)|превы[шс]|слишком (?:длин|больш|много)|过长|exceed|overflow|not fit|too (?:long|large|big|many)|(?:longer|larger|greater|more|fewer|less|smaller) than|at most|must be <|should be \\[|maximum|limit|not enough|does not fit|超'

const SPENT =
  /billing (?:\w+ )?limit|payment method|\barrears?\b|spending cap|(?:out of|no (?:more|remaining|prepaid)) (?:\w+ )?credits?|余额不足|欠费|недостаточно средств|баланс[^\n]{0,40}(?:исчерпан|недостаточ|пополн)|guthaben[^\n]{0,40}(?:aufgebraucht|erschöpft|reicht)|exceeded your current quota|account is not active|spend(ing)? limit|usage limit|credit balance|insufficient (quota|balance|credit|funds)|(balance|credits?) (is |are )?(too low|insufficient|exhausted|used up)/

const SPENT_CODES =
  'insufficient_(?:quota|balance|funds?|credits?)|(?:quota|balance|credits?|budget)_?(?:exceeded|exhausted|depleted)|billing|payment_required|spend(?:ing)?_limit|arrear|account_(?:inactive|deactivated|suspended)'

interface Meaning {
  code: FailureCode
  statuses: readonly number[]
  /** A code or type of the error. */
  codes: RegExp
  words: RegExp
}

/** The first match counts. */
const MEANINGS: readonly Meaning[] = [
  {
    code: 'territory',
    statuses: [400, 403, 404],
    codes:
      /unsupported_(country|region|location)|(?:country|region|territory|location|geo)_?(?:not_\w+|restrict|block|unsupported|denied|forbidden|fenc)/,
    words: near(PLACES, NOT_SERVED),
  },
  {
    // Some gateways answer another status than 429 when the limit of a minute is exceeded.
    code: 'rate_limited',
    statuses: [400, 403, 503],
    codes: /rate_?limit|throttl|too_?many_?requests|capacity_?exceeded/,
    words: /(?!)/,
  },
  {
    code: 'rate_limited',
    statuses: [403],
    codes: /(?!)/,
    words: /rate limit (?:is |was )?(?:exceeded|reached|hit)|too many requests/,
  },
  {
    code: 'quota',
    statuses: [400, 401, 403],
    codes: new RegExp(`quota|payment|(?:organi[sz]ation|project|team)_(?:suspended|restricted)|${SPENT_CODES}`),
    words: SPENT,
  },
  // With 400 the error may quote a text, and with 429 it may mean the quota of a minute.
  { code: 'quota', statuses: [401, 403], codes: /(?!)/, words: /\b(?:quota|balance)\b|billing/ },
  { code: 'quota', statuses: [429], codes: new RegExp(SPENT_CODES), words: new RegExp(`billing|${SPENT.source}`) },
  {
    // Some servers answer a limit of an hour or a day with a status for wrong requests. It is no limit of a text's length.
    code: 'rate_limited',
    statuses: [400, 403],
    codes: /(?!)/,
    words: near(
      '\\b(?:hourly|daily|weekly|monthly|today)\\b|\\b(?:per|an?|this) (?:minute|hour|day|month)\\b',
      'limit|exceed|reached',
    ),
  },
  {
    code: 'content_filter',
    statuses: [400, 403, 451],
    codes:
      /content_?filter|content_policy|invalid_prompt|moderation|data_inspection|prohibited_content|safety|guardrail|sensitive|harmful|unsafe|polic(?:y|ies)_violat|violat\w*_polic/,
    words: near(
      '\\b(?:content|input|prompt|text|request|message|eingabe|anfrage|inhalt)s?\\b|内容|输入|текст|запрос|содержим',
      'violat\\w+ [^\\n]{0,20}polic|harmful|harm (?:filter|categor)|sensitive (?:content|words?|topics?)|敏感|违规|不安全|модераци|richtlinie|flagged|moderation|content management policy|usage polic|content polic|safety|inappropriate|exists risk',
      'guardrail|content[ -]filter',
    ),
  },
  {
    // The model did not write valid JSON; the request is not to blame.
    code: 'unusable_answer',
    statuses: [400, 500],
    codes: /json_validate_failed|failed_generation|output_parse|model_output|tool_use_failed/,
    words:
      /(?:fail(?:ed|ure) to|could not|cannot|unable to) (?:generate|produce|validate|parse)(?![^\n]{0,40}(?:request|body))[^\n]{0,60}json|(?:generated|produced|model(?:.s)? (?:output|json|response|answer|reply|completion)|(?:output|answer|completion) of the model)[^\n]{0,80}(?:valid|malformed|match|pars)/,
  },
  {
    // Some servers answer 400 when a model's thinking has reached the cap.
    code: 'thought_out',
    statuses: [400],
    codes: /^$/,
    words: /max_tokens or model output limit was reached/,
  },
  {
    code: 'too_long',
    statuses: [400, 404, 429, 500],
    codes:
      /context_(?:length|size|overflow|window)|above_max_length|tokens_limit_reached|(?:request|prompt|input|text|messages?)_too_l(?:arge|ong)|max_tokens_exceeded/,
    words: near(
      '\\b(?:context|model|its|the) (?:length|window|size)|context the overflows|\\b(?:prompt|inputs?(?! should be)|sequence|messages?)\\b(?: \\w+)?(?: length| tokens?)?|\\btokens? (?:count|limit)|model length|requested tokens|request (?:\\([^)]*\\) )?exceed|request too large|kontext|eingabe|контекст|текст|промпт|длин[аы]|输入|上下文',
      OVER,
      // An error with two counts of tokens states what the request has and what the model allows.
      'too many (?:\\w+ )?tokens|zu lang|слишком (?:длин|много токен)|过长|超长|(?=[^\\n]*(?:\\btokens\\b|токен|令牌|词元))(?:^|[^\\w-])\\d{3,}[^\\w-][^\\n]*?[^\\w-]\\d{3,}',
    ),
  },
  {
    code: 'unauthorized',
    statuses: [400],
    codes: /api_?key|auth|credential|invalid_token|(?:token|key)_?expired|permission_(?:denied|error)/,
    words: near(
      '\\bapi[ _-]?key\\b(?![^\\n]*\\b(?:prompt|content|input|message|text)s?\\b)',
      '\\b(?:not|no|in(?:valid|correct|active)|wrong|missing|expired|revoked|disabled|required|provided)\\b',
      'authentication fail|\\btoken has (?:expired|been revoked)',
    ),
  },
  {
    code: 'bad_configuration',
    statuses: [400, 403, 404],
    codes:
      /(?:unknown|invalid)_model|(?:model|deployment)_(?:not_(?:found|supported|available)|decommissioned|deprecated|retired|unavailable)/,
    words:
      /not have access to (the )?model|model .{0,100}(not exist|not found|is not (available|supported))|(no|unknown|invalid) (such )?model\b|not a valid model|model .{0,100}(?:decommissioned|retired|discontinued)|модел[ьи] .{0,100}не (?:найден|существует)|modell .{0,100}(?:unbekannt|existiert nicht|nicht gefunden)|模型.{0,40}不存在/,
  },
]

/** An error about a too large cap of the answer is not about a too long text. */
const ABOUT_THE_CAP = /max_(?:completion_|output_|new_)?tokens|maxoutputtokens|(?:completion|output) tokens/
const ABOUT_THE_PROMPT = /context|prompt|input|messages?\b|sequence/

const LENGTH_STATUSES: ReadonlySet<number> = new Set([400, 500])

/** @returns what the error means, whatever was asked; null: only its status has a meaning */
export function meaningOf(status: number, error: ErrorBody): FailureCode | null {
  if (isModeration(status, error)) return 'content_filter'
  if (error.keys.has('failed_generation')) return 'unusable_answer'
  const said = error.message.slice(0, REASON_CHARS)
  const possible = MEANINGS.filter(
    ({ statuses, code }) => statuses.includes(status) && isCredible(code, status, error, said),
  )
  if (LENGTH_STATUSES.has(status) && [...error.keys].some((key) => COUNTS.test(key))) return 'too_long'
  const byCode = possible.find(({ codes }) => error.codes.some((code) => codes.test(code)))
  return (byCode ?? possible.find(({ words }) => words.test(said)))?.code ?? null
}

/** Whether the error lists why the text was flagged, as OpenRouter's does, and not why a field or a key was refused. */
function isModeration(status: number, { keys, fields, codes, message }: ErrorBody): boolean {
  if ((status !== 403 && status !== 400) || fields.length > 0) return false
  return [...keys].some((key) => REASONS.test(key)) && !ABOUT_THE_KEY.test(`${message} ${codes.join(' ')}`)
}

const REASONS =
  /^(?:flagged\w*|reasons|violations|categories|moderation\w*|content_?filter_?results?|block_?reason|safety_?ratings)$/
const ABOUT_THE_KEY = /api[ _-]?key|credential|unauthori[sz]ed|authenticat|permission/
/** Only an error about the length states the prompt's tokens or the size of the context. */
const COUNTS = /^(?:n_)?(?:prompt|input)_tokens$|^n_ctx$|^(?:max_)?context_(?:length|size|window)$/

function isCredible(code: FailureCode, status: number, error: ErrorBody, said: string): boolean {
  // A gateway's page may mention the request that it blocks.
  if (code === 'content_filter') return error.isJson && (status !== 403 || !ABOUT_ACCESS.test(said))
  if (code === 'quota' && status === 429) return !isRateLimit(error)
  if (code !== 'too_long') return true
  if (status === 429) return /too large|too long|must be reduced/.test(said)
  // The message of an outage may mention anything.
  if (status === 500) return TOO_LONG_AT_500.test(said)
  return !ABOUT_THE_CAP.test(said) || ABOUT_THE_PROMPT.test(said)
}

const TOO_LONG_AT_500 = near(
  'context|prompt|inputs?|tokens',
  'exceed|too (?:long|large|many)|(?:longer|larger|greater) than',
)

/** A policy on who may use what is no filter of texts. */
const ABOUT_ACCESS = /\baccess\b|\bproject\b|organi[sz]ation/

/** Whether a 429 passes by itself, even when its text mentions plans and billing. */
function isRateLimit({ codes, message, retryAfterMs }: ErrorBody): boolean {
  if (codes.includes('rate_limit_exceeded')) return true
  if (codes.some((code) => /insufficient|billing/.test(code))) return false
  if (retryAfterMs !== null) return true
  // Libraries give every 429 the class RateLimitError, also that of a spent account.
  const named = codes.filter((code) => code.includes('rate_limit'))
  if (named.some((code) => code !== 'rate_limit_error' || !SPENT.test(message))) return true
  // LiteLLM reports an account without credit as throttled.
  if (codes.some((code) => code.includes('throttl')) && !message.includes('current quota')) return true
  return RATE_LIMIT.test(message)
}

const RATE_LIMIT =
  /rate limit|too many requests|concurren(?:t|cy)|(?:requests?|tokens?) per (?:second|minute|hour|day)|\b[rt]p[md]\b|(?:retry|try again) (?:in|after)\b/
