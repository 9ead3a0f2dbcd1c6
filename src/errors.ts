/** Every way in which asking the model can fail, and what it means for the request, the fleet and the caller. */

/** When a failed attempt is repeated: never; at once; after a backoff or after the delay that the provider asked for. */
export type Retry = 'never' | 'at_once' | 'backoff'

/**
 * Which calls the failure holds (see provider/gate.ts). 'budget' holds the shared budget for as long as the provider asked for, within
 * the bounds of pipeline/call.ts; when the provider refuses different requests and answers none in between, all calls are held as in
 * an outage.
 */
export type Hold = 'none' | 'budget' | 'key' | 'route' | 'config' | 'outage'

export interface FailureRule {
  retry: Retry
  /**
   * This many failures of the kind end a request. null: however many there are, they do not, because the text cannot be the cause, a
   * failure costs nothing, and the gate lets only one probe a minute through. provider/attempts.ts lists the exceptions.
   */
  most: number | null
  hold: Hold
  /** What the caller is told when the failure is final: one Russian sentence, without any of the texts and without secrets. */
  message: string
  /** What the operator should do while the failure holds calls; null: it holds none, or it passes by itself. */
  remedy: string | null
}

/** About two hours of retries at the longest backoff. The caller is told of an outage that lasts longer. */
const OUTLASTS_AN_OUTAGE = 120

const UNAVAILABLE = 'Сервис оценки временно недоступен. Повторите запрос позже.'

export const FAILURES = {
  /** 429 rate_limit_exceeded. The budget is held as long as the provider asks; the caller is told only when that does not help. */
  rate_limited: {
    retry: 'backoff',
    most: 40,
    hold: 'budget',
    message: 'Превышен лимит запросов к модели. Повторите запрос позже.',
    remedy:
      'it resumes by itself; if it happens often, set OPENAI_RPM, OPENAI_TPM and BUDGET_BURST to the provider’s limits',
  },
  /** 429 request too large, 400 context_length_exceeded, 413, or a request beyond the model's window, or a token limit, by itself. */
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
  /** 401, 403 because of the key, or a key file that has given no key yet. */
  unauthorized: {
    retry: 'backoff',
    most: null,
    hold: 'key',
    message: UNAVAILABLE,
    remedy: 'put a valid key into OPENAI_KEY_FILE (read again by itself), or set OPENAI_KEY and restart',
  },
  /** 403 unsupported_country_region_territory, 451, or 403 without JSON: a page in place of the API's answer. */
  territory: {
    retry: 'backoff',
    most: null,
    hold: 'route',
    message: UNAVAILABLE,
    remedy:
      'set OPENAI_PROXY_URL to a proxy in a country that the provider serves, or OPENAI_BASE_URL to another provider',
  },
  /** The proxy does not pass the request on: it answers 407 or refuses the tunnel. */
  proxy_refused: {
    retry: 'backoff',
    most: null,
    hold: 'route',
    message: UNAVAILABLE,
    remedy: 'check user, password and the permitted targets of the proxy in OPENAI_PROXY_URL',
  },
  /** 400, 404 or a redirect because of the configuration: the model name, the address, or a parameter that cannot be left out. */
  bad_configuration: {
    retry: 'backoff',
    most: null,
    hold: 'config',
    message: UNAVAILABLE,
    remedy: 'check OPENAI_MODEL, OPENAI_BASE_URL, OPENAI_RESPONSE_FORMAT and OPENAI_MAX_COMPLETION_TOKENS',
  },
  /**
   * The server refused a part of the request's form (a parameter, the order of messages, how the key is sent), whatever the
   * status. The same request is sent again in another form; see provider/trial.ts.
   */
  parameter_refused: { retry: 'at_once', most: 4, hold: 'none', message: UNAVAILABLE, remedy: null },
  /** 400 because of this text. */
  rejected_text: {
    retry: 'never',
    most: 1,
    hold: 'none',
    message: 'Модель не приняла этот текст. Проверьте резюме и требования.',
    remedy: null,
  },
  /** 400 without a clear reason. The configuration is suspected until other requests have been answered, then the text. */
  unclear_rejection: {
    retry: 'backoff',
    most: OUTLASTS_AN_OUTAGE,
    hold: 'config',
    message: 'Модель не приняла этот текст. Проверьте резюме и требования.',
    remedy: 'the provider refuses requests without naming a reason: check the key, OPENAI_MODEL and OPENAI_BASE_URL',
  },
  /** 500 to 599, a gateway's temporary 4xx, 200 with an upstream error, a reset connection, a DNS or TLS failure, a proxy that is down. */
  outage: {
    retry: 'backoff',
    most: OUTLASTS_AN_OUTAGE,
    hold: 'outage',
    message: 'Модель не смогла обработать этот запрос. Повторите его позже.',
    remedy: 'it resumes by itself; if it lasts, check the provider, the network and the proxy',
  },
  /** The whole call, connecting included, took longer than OPENAI_TIMEOUT_SECONDS. */
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
  /** finish_reason length. The request is repeated once with a higher cap. */
  cut_off: {
    retry: 'at_once',
    most: 2,
    hold: 'none',
    message: 'Ответ модели оборван: требования слишком обширны.',
    remedy: null,
  },
  /** finish_reason length of what is only or mostly reasoning. Repeated with a much larger cap, kept once an answer fits into it. */
  thought_out: {
    retry: 'at_once',
    most: 3,
    hold: 'none',
    message: 'Модель не уложилась в предел длины ответа. Повторите запрос позже.',
    remedy: null,
  },
  /**
   * 200 with an HTML page, an empty body, or a completion without choices, which comes from a gateway rather than from the model; or
   * an answer over 4 MB. Different requests that receive it make an outage; a request that receives it alone is repeated once.
   */
  no_completion: {
    retry: 'at_once',
    most: 2,
    hold: 'outage',
    message: 'Модель вернула непригодный ответ. Повторите запрос позже.',
    remedy: 'something between the worker and the model answers instead of it: check OPENAI_BASE_URL and the proxy',
  },
  /** A completion that is empty, is not JSON, or does not follow the schema. */
  unusable_answer: {
    retry: 'at_once',
    most: 2,
    hold: 'none',
    message: 'Модель вернула непригодный ответ. Повторите запрос позже.',
    remedy: null,
  },
} as const satisfies Record<string, FailureRule>

export type FailureCode = keyof typeof FAILURES
