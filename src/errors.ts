/** The closed list of what can go wrong with a request, and what each means for the request, the fleet and the caller. */

/** How a failed attempt goes on: never again; once more; as often as allowed, after a backoff or as the provider told. */
export type Retry = 'never' | 'once' | 'backoff'

/** What else is held by it: the shared budget, or all calls of a scope (see provider/gate.ts). */
export type Hold = 'none' | 'budget' | 'key' | 'route' | 'config' | 'outage'

export interface FailureRule {
  retry: Retry
  hold: Hold
  /** The sentence for the caller when this is final: Russian, nothing of the texts, no secret. */
  message: string
}

export const FAILURES = {
  /** 429 rate_limit_exceeded: held as told; the caller hears of it only when holding is no use. */
  rate_limited: {
    retry: 'backoff',
    hold: 'budget',
    message: 'Превышен лимит запросов к модели. Повторите запрос позже.',
  },
  /** 429 request too large, 400 context_length_exceeded, or over the tokens per minute alone. */
  too_long: {
    retry: 'never',
    hold: 'none',
    message: 'Резюме и требования слишком длинные для модели. Сократите тексты.',
  },
  /** 429 insufficient_quota and billing limits. */
  quota: { retry: 'backoff', hold: 'key', message: 'Сервис оценки временно недоступен.' },
  /** 401 */
  unauthorized: { retry: 'backoff', hold: 'key', message: 'Сервис оценки временно недоступен.' },
  /** 403 unsupported_country_region_territory */
  territory: { retry: 'backoff', hold: 'route', message: 'Сервис оценки временно недоступен.' },
  /** 400, 404 for the configuration: model name, parameter. */
  bad_configuration: { retry: 'backoff', hold: 'config', message: 'Сервис оценки временно недоступен.' },
  /** 400 for this text only. */
  rejected_text: {
    retry: 'never',
    hold: 'none',
    message: 'Модель не приняла этот текст. Проверьте резюме и требования.',
  },
  /** 500-599, connection reset, DNS, TLS, proxy. */
  outage: {
    retry: 'backoff',
    hold: 'outage',
    message: 'Модель не смогла обработать этот запрос. Повторите его позже.',
  },
  /** The whole answer took longer than OPENAI_TIMEOUT_SECONDS. */
  timeout: { retry: 'backoff', hold: 'outage', message: 'Модель не ответила вовремя. Повторите запрос позже.' },
  /** The model refused to answer. */
  refused_by_model: { retry: 'never', hold: 'none', message: 'Модель отказалась оценивать это резюме.' },
  content_filter: { retry: 'never', hold: 'none', message: 'Фильтр содержимого модели отклонил тексты запроса.' },
  /** finish_reason length: once more with a higher cap. */
  cut_off: { retry: 'once', hold: 'none', message: 'Ответ модели оборван: требования слишком обширны.' },
  /** No JSON, wrong schema, empty choices. */
  unusable_answer: {
    retry: 'once',
    hold: 'none',
    message: 'Модель вернула непригодный ответ. Повторите запрос позже.',
  },
} as const satisfies Record<string, FailureRule>

export type FailureCode = keyof typeof FAILURES
