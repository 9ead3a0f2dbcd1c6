/** Asks the provider for its list of models: whether address, key and model are in order, without a model call, for nothing. */
import type { Config } from '../config.ts'
import type { FailureCode } from '../errors.ts'
import { shownAddress } from '../lib/address.ts'
import { classifyBroken, classifyStatus } from './classify.ts'
import type { KeySource } from './key.ts'
import type { Transport } from './transport.ts'

/** A list of models comes at once, or something is wrong. */
const LIMIT_MS = 10_000

export type ProviderStanding =
  /** `knowsModel` null: its list says nothing of models. */
  | { kind: 'well'; knowsModel: boolean | null; detail: string }
  /** It refuses the key, the way or the account, as it would refuse a call. */
  | { kind: 'refused'; code: FailureCode; detail: string }
  | { kind: 'unreachable'; detail: string }
  /** It has no list of models: what it thinks of the key shows with the first call. */
  | { kind: 'untold'; detail: string }

export interface StandingParts {
  settings: Pick<Config['provider'], 'baseUrl' | 'model'>
  key: KeySource
  transport: Pick<Transport, 'get'>
}

/** @returns how the provider stands to this worker's calls; never rejects */
export async function askStanding(
  { settings, key, transport }: StandingParts,
  signal: AbortSignal,
): Promise<ProviderStanding> {
  const where = ` at ${shownAddress(settings.baseUrl)}`
  const { value } = await key()
  if (value === null) return { kind: 'refused', code: 'unauthorized', detail: 'OPENAI_KEY_FILE gives no key' }
  const headers = { authorization: `Bearer ${value}`, accept: 'application/json', 'accept-encoding': 'identity' }
  const exchange = await transport.get({ url: modelsUrl(settings.baseUrl), headers, timeoutMs: LIMIT_MS, signal })
  switch (exchange.kind) {
    case 'answered': {
      if (exchange.status === 200) return readList(exchange.body, settings.model, where)
      const { code, detail } = classifyStatus(exchange.status, exchange.body)
      // A restricted key may be good for calls and not for the list: 401 or 403 that speaks of scopes.
      const isOfList = /scope|permission/i.test(exchange.body) || (exchange.status === 403 && code === 'unauthorized')
      const isRefused = code === 'unauthorized' || code === 'quota' || code === 'territory' || code === 'proxy_refused'
      if (isRefused && !isOfList) return { kind: 'refused', code, detail: detail + where }
      if (code === 'outage' || code === 'rate_limited') return { kind: 'unreachable', detail: detail + where }
      return { kind: 'untold', detail: `no list of models: ${detail}${where}` }
    }
    case 'broken': {
      const { code, detail } = classifyBroken(exchange.error)
      if (code === 'proxy_refused') return { kind: 'refused', code, detail }
      return { kind: 'unreachable', detail: detail + where }
    }
    case 'timeout':
      return { kind: 'unreachable', detail: `no answer within ${LIMIT_MS / 1_000} s${where}` }
    default:
      return { kind: 'untold', detail: `no list of models${where}` }
  }
}

/** Azure's older addresses end in a query, which stays behind the path. */
function modelsUrl(baseUrl: string): URL {
  const url = new URL(baseUrl)
  url.pathname = `${url.pathname.replace(/\/+$/, '')}/models`
  return url
}

function readList(body: string, model: string, where: string): ProviderStanding {
  let list: unknown
  try {
    list = JSON.parse(body)
  } catch {
    return { kind: 'untold', detail: `no list of models: HTTP 200, not JSON${where}` }
  }
  const data = typeof list === 'object' && list !== null && 'data' in list ? list.data : null
  if (!Array.isArray(data)) return { kind: 'well', knowsModel: null, detail: `the key is accepted${where}` }
  const known = data.some(
    (each: unknown) => typeof each === 'object' && each !== null && 'id' in each && each.id === model,
  )
  const models = `${data.length} models`
  return { kind: 'well', knowsModel: known, detail: `the key is accepted, ${models}${where}` }
}
