/** Checks address, key and model by asking the provider for its list of models, which costs nothing. */
import type { Config } from '../config.ts'
import type { FailureCode } from '../errors.ts'
import { shownAddress } from '../lib/address.ts'
import { classifyBroken, classifyStatus } from './classify.ts'
import type { KeySource } from './key.ts'
import type { Transport } from './transport.ts'

/** Time limit for the list of models, ms. */
const LIMIT_MS = 10_000

export type ProviderAccess =
  /** `knowsModel` null: the answer has no list of models. */
  | { kind: 'accepted'; knowsModel: boolean | null; detail: string }
  /** The provider refuses the key, the route or the account, as it would refuse a call. */
  | { kind: 'refused'; code: FailureCode; detail: string }
  | { kind: 'unreachable'; detail: string }
  /** The provider has no list of models: only a call shows whether it accepts the key. `advice`: when the address seems wrong. */
  | { kind: 'unknown'; detail: string; advice: string | null }

export interface AccessParts {
  settings: Pick<Config['provider'], 'baseUrl' | 'model'>
  key: KeySource
  transport: Pick<Transport, 'get'>
}

/** @returns whether the provider would accept this worker's calls; never rejects */
export async function checkAccess(
  { settings, key, transport }: AccessParts,
  signal: AbortSignal,
): Promise<ProviderAccess> {
  const where = ` at ${shownAddress(settings.baseUrl)}`
  const { value } = await key()
  if (value === null) return { kind: 'refused', code: 'unauthorized', detail: 'OPENAI_KEY_FILE holds no key' }
  const headers = { authorization: `Bearer ${value}`, accept: 'application/json', 'accept-encoding': 'identity' }
  const exchange = await transport.get({ url: modelsUrl(settings.baseUrl), headers, timeoutMs: LIMIT_MS, signal })
  switch (exchange.kind) {
    case 'answered': {
      if (exchange.status === 200) return readList(exchange.body, settings.model, where)
      const { code, detail } = classifyStatus(exchange.status, exchange.body)
      // A restricted key may be allowed to make calls but not to list models: any 403 for the key, or a 401 that mentions scopes.
      const isOnlyOfList =
        /scope|permission/i.test(exchange.body) || (exchange.status === 403 && code === 'unauthorized')
      const isRefused = code === 'unauthorized' || code === 'quota' || code === 'territory' || code === 'proxy_refused'
      if (isRefused && !isOnlyOfList) return { kind: 'refused', code, detail: detail + where }
      if (code === 'outage' || code === 'rate_limited') return { kind: 'unreachable', detail: detail + where }
      const advice = exchange.status === 404 ? adviceOn(settings.baseUrl) : null
      return { kind: 'unknown', detail: `no list of models: ${detail}${where}`, advice }
    }
    case 'broken': {
      const { code, detail } = classifyBroken(exchange.error)
      if (code === 'proxy_refused') return { kind: 'refused', code, detail }
      return { kind: 'unreachable', detail: detail + where }
    }
    case 'timeout':
      return { kind: 'unreachable', detail: `no answer within ${LIMIT_MS / 1_000} s${where}` }
    default:
      return { kind: 'unknown', detail: `no list of models${where}`, advice: null }
  }
}

const NO_API = 'a web page seems to answer instead of a model server: check OPENAI_BASE_URL and the proxy'

/** @returns what to check when the address has no list of models; null when its path looks like a model server's */
const adviceOn = (baseUrl: string): string | null =>
  /\/v\d|\/openai/.test(new URL(baseUrl).pathname) ? null : 'check OPENAI_BASE_URL: such addresses usually end in /v1'

/** Azure's older addresses end in a query, which stays at the end. */
function modelsUrl(baseUrl: string): URL {
  const url = new URL(baseUrl)
  url.pathname = `${url.pathname.replace(/\/+$/, '')}/models`
  return url
}

function readList(body: string, model: string, where: string): ProviderAccess {
  let list: unknown
  try {
    list = JSON.parse(body)
  } catch {
    return { kind: 'unknown', detail: `no list of models: HTTP 200, not JSON${where}`, advice: NO_API }
  }
  const data = typeof list === 'object' && list !== null && 'data' in list ? list.data : null
  if (!Array.isArray(data)) return { kind: 'accepted', knowsModel: null, detail: `the key is accepted${where}` }
  const known = data.some(
    (each: unknown) => typeof each === 'object' && each !== null && 'id' in each && each.id === model,
  )
  const models = `${data.length} models`
  return { kind: 'accepted', knowsModel: known, detail: `the key is accepted, ${models}${where}` }
}
