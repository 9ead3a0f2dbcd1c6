/**
 * What an error says, by its codes and by the meaning of its words. Pure.
 *
 * Not a list of the texts of servers: each meaning is what it speaks of together with what it says of it, near one another, so
 * that a server that nobody here has met is understood as well; in English, and in the words of Russian, Chinese and German
 * servers where a mistake would hold others. Codes count before words: words may quote a resume that speaks of quotas and
 * context windows, so only their beginning counts. What is said in any other way is an unclear rejection, which loses nothing.
 */
import type { FailureCode } from '../errors.ts'
import type { ErrorBody } from './error-body.ts'

/** What a server quotes comes after what it says. */
const SAYS_CHARS = 300

/** @returns a pattern for `subject` and `says` within one sentence, in either order, or for `whole` */
const near = (subject: string, says: string, whole = '(?!)') =>
  new RegExp(`(?:${subject})[^\\n]{0,120}?(?:${says})|(?:${says})[^\\n]{0,60}?(?:${subject})|${whole}`)

const NOT_SERVED =
  '\\bnot\\b|cannot|n.t\\b|unsupported|unavailable|restricted|blocked|denied|forbidden|prohibited|banned|disallowed|sanctioned|\\bnicht\\b|gesperrt|недоступ|запрещ|не (?:поддерж|обслуж)|不.?支持|不可用|不提供|限制|禁止'
const PLACES =
  '\\b(?:countr(?:y|ies)|regions?|territor(?:y|ies)|locat(?:ion|ed)|geo\\w+|jurisdiction|land|standort)\\b|стран[аеуы]|регион|地区|国家'
const OVER =
  'is only \\d|überschreit|übersteig|zu (?:lang|groß|viele)|превы[шс]|слишком (?:длин|больш|много)|过长|exceed|overflow|not fit|too (?:long|large|big|many)|(?:longer|larger|greater|more|fewer|less|smaller) than|at most|must be <|should be \\[|maximum|limit|not enough|does not fit|超'

const SPENT =
  /billing[^\n]{0,20} limit|payment method|\barrears?\b|spending cap|(?:out of|no (?:more|remaining|prepaid)) (?:\w+ )?credits?|余额不足|欠费|недостаточно средств|баланс[^\n]{0,40}(?:исчерпан|недостаточ|пополн)|guthaben[^\n]{0,40}(?:aufgebraucht|erschöpft|reicht)|exceeded your current quota|account is not active|spend(ing)? limit|usage limit|credit balance|insufficient (quota|balance|credit|funds)|(balance|credits?) (is |are )?(too low|insufficient|exhausted|used up)/

const SPENT_CODES =
  'insufficient_(?:quota|balance|funds?|credits?)|(?:quota|balance|credits?|budget)_?(?:exceeded|exhausted|depleted)|billing|payment_required|spend(?:ing)?_limit|arrear|account_(?:inactive|deactivated|suspended)'

interface Meaning {
  code: FailureCode
  statuses: readonly number[]
  /** Of a code or type of the error. */
  codes: RegExp
  words: RegExp
}

/** The first that fits counts. */
const MEANINGS: readonly Meaning[] = [
  {
    code: 'territory',
    statuses: [400, 403, 404],
    codes:
      /unsupported_(country|region|location)|(?:country|region|territory|location|geo)_?(?:not_\w+|restrict|block|unsupported|denied|forbidden|fenc)/,
    words: near(PLACES, NOT_SERVED),
  },
  {
    // Some gateways turn the minute's surplus away with another status than 429.
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
  // With 400 a text may be quoted; with 429 a quota may be that of the minute.
  { code: 'quota', statuses: [401, 403], codes: /(?!)/, words: /\b(?:quota|balance)\b|billing/ },
  { code: 'quota', statuses: [429], codes: new RegExp(SPENT_CODES), words: new RegExp(`billing|${SPENT.source}`) },
  {
    // A limit of some time, under a status for requests that are wrong: it is no text's length.
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
      /content_?filter|content_policy|responsibleaipolicyviolation|invalid_prompt|moderation|data_inspection|prohibited_content|safety|guardrail|sensitive(?:_|content)|harmful|unsafe|polic(?:y|ies)_violat|violat\w*_polic/,
    words: near(
      '\\b(?:content|input|prompt|text|request|message|eingabe|anfrage|inhalt)s?\\b|内容|输入|текст|запрос|содержим',
      'violat\\w+ [^\\n]{0,20}polic|harmful|harm (?:filter|categor)|sensitive (?:content|words?|topics?)|敏感|违规|不安全|модераци|richtlinie|flagged|moderation|content management policy|usage polic|content polic|safety|inappropriate|exists risk',
      'guardrail|content[ -]filter',
    ),
  },
  {
    // The model's own words did not become the JSON that was asked for: no fault of the request's.
    code: 'unusable_answer',
    statuses: [400, 500],
    codes: /json_validate_failed|failed_generation|output_parse|model_output|tool_use_failed|invalid_model_output/,
    words:
      /(?:fail(?:ed|ure) to|could not|cannot|unable to) (?:generate|produce|validate|parse)(?![^\n]{0,40}(?:request|body))[^\n]{0,60}json|(?:generated|produced|model(?:.s)? (?:output|json|response|answer|reply|completion)|(?:output|answer|completion) of the model)[^\n]{0,80}(?:valid|malformed|match|pars)/,
  },
  {
    // Reasoning models answer 400 when they have thought up to the cap.
    code: 'thought_out',
    statuses: [400],
    codes: /^$/,
    words: /max_tokens or model output limit was reached/,
  },
  {
    code: 'too_long',
    statuses: [400, 404, 429, 500],
    codes:
      /context_length|context_size|context_overflow|string_above_max_length|tokens_limit_reached|context_window|request_too_large|prompt_too_long|max_tokens_exceeded/,
    words: near(
      '\\b(?:context|model|its|the) (?:length|window|size)|context the overflows|\\b(?:prompt|inputs?(?! should be)|sequence|messages?)\\b(?: \\w+)?(?: length| tokens?)?|\\btokens? (?:count|limit)|model length|requested tokens|request (?:\\([^)]*\\) )?exceed|request too large|kontext|eingabe|контекст|текст|промпт|длин[аы]|输入|上下文',
      OVER,
      // Of two counts of tokens one is what came, the other one what goes.
      'too many (?:\\w+ )?tokens|zu lang|слишком (?:длин|много токен)|过长|超长|(?=[^\\n]*(?:\\btokens\\b|токен|令牌|词元))(?:^|[^\\w-])\\d{3,}[^\\w-][^\\n]*?[^\\w-]\\d{3,}',
    ),
  },
  {
    code: 'unauthorized',
    statuses: [400],
    codes:
      /api_key_invalid|invalid_api_key|invalid_authentication|authentication_(?:error|failed|required)|unauthenticated|unauthorized|credential|invalid_token|(?:token|key)_?expired|permission_(?:denied|error)/,
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
      /model_not_found|deploymentnotfound|(unknown|invalid)_model|model_(?:not_(?:supported|available)|decommissioned|deprecated|retired|unavailable)/,
    words:
      /not have access to (the )?model|model .{0,100}(not exist|not found|is not (available|supported))|(no|unknown|invalid) (such )?model\b|not a valid model|model .{0,100}(?:decommissioned|retired|discontinued)|модел[ьи] .{0,100}не (?:найден|существует)|modell .{0,100}(?:unbekannt|existiert nicht|nicht gefunden)|模型.{0,40}不存在/,
  },
]

/** A cap of the answer that is itself too large is no text that is. */
const ABOUT_THE_CAP = /max_(?:completion_|output_|new_)?tokens|maxoutputtokens|(?:completion|output) tokens/
const ABOUT_THE_PROMPT = /context|prompt|input|messages?\b|sequence/

const LENGTH_STATUSES: ReadonlySet<number> = new Set([400, 500])

/** @returns what the error says, whatever was asked; null where only its status says something */
export function meaningOf(status: number, error: ErrorBody): FailureCode | null {
  if (isModeration(status, error)) return 'content_filter'
  if (error.keys.has('failed_generation')) return 'unusable_answer'
  const said = error.message.slice(0, SAYS_CHARS)
  const possible = MEANINGS.filter(
    ({ statuses, code }) => statuses.includes(status) && isCredible(code, status, error, said),
  )
  if (LENGTH_STATUSES.has(status) && [...error.keys].some((key) => COUNTS.test(key))) return 'too_long'
  const byCode = possible.find(({ codes }) => error.codes.some((code) => codes.test(code)))
  return (byCode ?? possible.find(({ words }) => words.test(said)))?.code ?? null
}

/** The error lists the reasons for which one text was flagged, as OpenRouter's does: not those for which a field or a key is refused. */
function isModeration(status: number, { keys, fields, codes, message }: ErrorBody): boolean {
  if ((status !== 403 && status !== 400) || fields.length > 0) return false
  return [...keys].some((key) => REASONS.test(key)) && !ABOUT_THE_KEY.test(`${message} ${codes.join(' ')}`)
}

const REASONS =
  /^(?:flagged\w*|reasons|violations|categories|moderation\w*|content_?filter_?results?|block_?reason|safety_?ratings)$/
const ABOUT_THE_KEY = /api[ _-]?key|credential|unauthori[sz]ed|authenticat|permission/
/** Only an error about its length counts the prompt, or names what the model has room for. */
const COUNTS = /^(?:n_)?(?:prompt|input)_tokens$|^n_ctx$|^(?:max_)?context_(?:length|size|window)$/

function isCredible(code: FailureCode, status: number, error: ErrorBody, said: string): boolean {
  // A page of some gateway speaks of the request that it blocks, too.
  if (code === 'content_filter') return error.isJson && (status !== 403 || !ABOUT_ACCESS.test(said))
  if (code === 'quota' && status === 429) return !isRateLimit(error)
  if (code !== 'too_long') return true
  if (status === 429) return /too large|too long|must be reduced/.test(said)
  // An outage may speak of anything.
  if (status === 500) return TOO_LONG_AT_500.test(said)
  return !ABOUT_THE_CAP.test(said) || ABOUT_THE_PROMPT.test(said)
}

const TOO_LONG_AT_500 = near(
  'context|prompt|inputs?|tokens',
  'exceed|too (?:long|large|many)|(?:longer|larger|greater) than',
)

/** Policies on who may use what are no filters of texts. */
const ABOUT_ACCESS = /\baccess\b|\bproject\b|organi[sz]ation/

/** One that passes by itself, though its text may speak of plans and billing. */
function isRateLimit({ codes, message, retryAfterMs }: ErrorBody): boolean {
  if (codes.includes('rate_limit_exceeded')) return true
  if (codes.some((code) => /insufficient_quota|billing/.test(code))) return false
  if (retryAfterMs !== null || codes.some((code) => code.includes('rate_limit'))) return true
  // LiteLLM passes a spent account on as throttled.
  if (codes.some((code) => code.includes('throttl')) && !message.includes('current quota')) return true
  return RATE_LIMIT.test(message)
}

const RATE_LIMIT =
  /rate limit|too many requests|concurren(?:t|cy)|(?:requests?|tokens?) per (?:second|minute|hour|day)|\b[rt]p[md]\b|(?:retry|try again) (?:in|after)\b/
