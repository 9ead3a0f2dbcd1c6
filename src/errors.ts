/** The closed list of what can go wrong with a request, and what each means for the request, the fleet and the caller. */

/** How a failed attempt goes on: not at all; again at once; after a backoff, or as the provider told. */
export type Retry = 'never' | 'at_once' | 'backoff'

/**
 * What else is held by it: all calls of a scope (see provider/gate.ts). 'budget': the shared budget, for as long as the provider
 * told; and, once it turns different requests away with none answered in between, all calls as in an outage.
 */
export type Hold = 'none' | 'budget' | 'key' | 'route' | 'config' | 'outage'

export interface FailureRule {
  retry: Retry
  /**
   * So many failures of this kind end a request (see provider/attempts.ts for when it does not yet); null: no number does,
   * because the text cannot be its cause, nothing is billed for it, and the gate lets one probe a minute through.
   */
  most: number | null
  hold: Hold
  /** The sentence for the caller when this is final: Russian, nothing of the texts, no secret. */
  message: string
  /** What the operator should do while calls are held by it; null: nothing is held by it, or it passes by itself. */
  remedy: string | null
}

/** Some two hours of retries at the longest backoff: an outage that outlives them is told to the caller. */
const OUTLASTS_AN_OUTAGE = 120

const UNAVAILABLE = 'Сервис оценки временно недоступен. Повторите запрос позже.'

export const FAILURES = {
  /** 429 rate_limit_exceeded: held as told; the caller hears of it only when holding is no use. */
  rate_limited: {
    retry: 'backoff',
    most: 40,
    hold: 'budget',
    message: 'Превышен лимит запросов к модели. Повторите запрос позже.',
    remedy:
      'it resumes by itself; if it happens often, set OPENAI_RPM, OPENAI_TPM and BUDGET_BURST to the provider’s limits',
  },
  /** 429 request too large, 400 context_length_exceeded, 413, or over the tokens per minute alone. */
  too_long: {
    retry: 'never',
    most: 1,
    hold: 'none',
    message: 'Резюме и требования слишком длинные для модели. Сократите тексты.',
    remedy: null,
  },
  /** 429 insufficient_quota, spend and billing limits, 402. */
  quota: {
    retry: 'backoff',
    most: null,
    hold: 'key',
    message: UNAVAILABLE,
    remedy: 'top up the account or raise its spend limit, or give a key of another account',
  },
  /** 401, 403 for the key, a key file that cannot be read. */
  unauthorized: {
    retry: 'backoff',
    most: null,
    hold: 'key',
    message: UNAVAILABLE,
    remedy: 'put a valid key into OPENAI_KEY_FILE (read again by itself), or set OPENAI_KEY and restart',
  },
  /** 403 unsupported_country_region_territory, or a page instead of an API's answer with 403. */
  territory: {
    retry: 'backoff',
    most: null,
    hold: 'route',
    message: UNAVAILABLE,
    remedy:
      'set OPENAI_PROXY_URL to a proxy in a country that the provider serves, or OPENAI_BASE_URL to another provider',
  },
  /** The proxy refuses to pass the request on: 407, or its no to a tunnel. */
  proxy_refused: {
    retry: 'backoff',
    most: null,
    hold: 'route',
    message: UNAVAILABLE,
    remedy: 'check user, password and the permitted targets of the proxy in OPENAI_PROXY_URL',
  },
  /** 400, 404 for the configuration: model name, address, a parameter that cannot be left out. */
  bad_configuration: {
    retry: 'backoff',
    most: null,
    hold: 'config',
    message: UNAVAILABLE,
    remedy: 'check OPENAI_MODEL, OPENAI_BASE_URL, OPENAI_RESPONSE_FORMAT and OPENAI_MAX_COMPLETION_TOKENS',
  },
  /**
   * A part of the request's form was refused (a parameter, an order of messages, the way the key is sent), under whatever status:
   * the same request again in another form, see provider/trial.ts.
   */
  parameter_refused: { retry: 'at_once', most: 4, hold: 'none', message: UNAVAILABLE, remedy: null },
  /** 400 for this text only. */
  rejected_text: {
    retry: 'never',
    most: 1,
    hold: 'none',
    message: 'Модель не приняла этот текст. Проверьте резюме и требования.',
    remedy: null,
  },
  /** 400 that does not say whether text or configuration is to blame: the text, once other requests have been answered. */
  unclear_rejection: {
    retry: 'backoff',
    most: OUTLASTS_AN_OUTAGE,
    hold: 'config',
    message: 'Модель не приняла этот текст. Проверьте резюме и требования.',
    remedy: 'the provider refuses requests without naming a reason: check OPENAI_MODEL and OPENAI_BASE_URL',
  },
  /** 500-599, connection reset, DNS, TLS, proxy down. */
  outage: {
    retry: 'backoff',
    most: OUTLASTS_AN_OUTAGE,
    hold: 'outage',
    message: 'Модель не смогла обработать этот запрос. Повторите его позже.',
    remedy: 'it resumes by itself; if it lasts, check the provider, the network and the proxy',
  },
  /** The whole answer took longer than OPENAI_TIMEOUT_SECONDS. */
  timeout: {
    retry: 'backoff',
    most: OUTLASTS_AN_OUTAGE,
    hold: 'outage',
    message: 'Модель не ответила вовремя. Повторите запрос позже.',
    remedy: 'it resumes by itself; if it lasts, raise OPENAI_TIMEOUT_SECONDS or check the provider',
  },
  /** The model refused to answer. */
  refused_by_model: {
    retry: 'never',
    most: 1,
    hold: 'none',
    message: 'Модель отказалась оценивать это резюме.',
    remedy: null,
  },
  content_filter: {
    retry: 'never',
    most: 1,
    hold: 'none',
    message: 'Фильтр содержимого модели отклонил тексты запроса.',
    remedy: null,
  },
  /** finish_reason length: once more with a higher cap. */
  cut_off: {
    retry: 'at_once',
    most: 2,
    hold: 'none',
    message: 'Ответ модели оборван: требования слишком обширны.',
    remedy: null,
  },
  /** finish_reason length before a word of the answer: a model that thinks. Again with a much larger cap, which is remembered. */
  thought_out: {
    retry: 'at_once',
    most: 3,
    hold: 'none',
    message: 'Модель не уложилась в предел длины ответа. Повторите запрос позже.',
    remedy: null,
  },
  /**
   * 200 with a page, nothing, or a completion without choices: some gateway's, so different requests that meet it make an
   * outage; one that meets it alone is asked once more.
   */
  no_completion: {
    retry: 'at_once',
    most: 2,
    hold: 'outage',
    message: 'Модель вернула непригодный ответ. Повторите запрос позже.',
    remedy: 'something between the worker and the model answers instead of it: check OPENAI_BASE_URL and the proxy',
  },
  /** A completion that is empty, no JSON, or of a wrong schema. */
  unusable_answer: {
    retry: 'at_once',
    most: 2,
    hold: 'none',
    message: 'Модель вернула непригодный ответ. Повторите запрос позже.',
    remedy: null,
  },
} as const satisfies Record<string, FailureRule>

export type FailureCode = keyof typeof FAILURES
