/** Asks the model once: from a question to a reply that says what happened. */
import { createHash } from 'node:crypto'
import type { RateHeaders } from '../budget/rate-headers.ts'
import { retryAfterMs } from '../budget/rate-headers.ts'
import type { Config } from '../config.ts'
import type { FailureCode } from '../errors.ts'
import { FAILURES } from '../errors.ts'
import { shownAddress } from '../lib/address.ts'
import type { Adaptations } from './adaptations.ts'
import type { Verdict } from './classify.ts'
import { classifyBroken, classifyStatus, verdict } from './classify.ts'
import { classifyCompletion } from './classify-completion.ts'
import type { Form } from './form.ts'
import { bodyOf, commonCap, isSame, keyHeaders, partsOf } from './form.ts'
import { FormSearch } from './form-search.ts'
import type { Identity } from './holds.ts'
import type { ApiKey, KeySource } from './key.ts'
import { createOpenaiCall, isSuccess } from './openai-call.ts'
import type { Question, Reply, Said, Usage } from './reply.ts'
import type { Exchange, Transport } from './transport.ts'
import type { Trial } from './trial.ts'
import {
  afterRefusal,
  afterThinking,
  firstTrial,
  isBarest,
  isPlain,
  knownForm,
  learnedForm,
  sentForm,
} from './trial.ts'

export interface ProviderOptions {
  settings: Config['provider']
  key: KeySource
  transport: Transport
  adaptations: Adaptations
}

export interface Provider {
  /**
   * Waits while another request finds out what a server refuses, two seconds at the most. To be awaited before each attempt asks
   * for a place in the budget.
   * @param trial what earlier calls of the request taught; null for its first
   * @throws the signal's reason when it aborts first
   */
  turn: (trial: Trial | null, signal: AbortSignal) => Promise<void>
  /**
   * One HTTP request at the most, without any retry. Never rejects but for a fault of ours (TypeError and its like).
   * @returns within OPENAI_TIMEOUT_SECONDS
   */
  ask: (question: Question) => Promise<Reply>
  /** @returns the cap of an answer, tokens: the setting, or what a model that thinks was found to need */
  capOf: (trial: Trial | null) => number
  /** Where calls go, without query and credentials: for the log. */
  address: string
  /** The scopes of this worker's calls as they are now; see gate.ts. */
  identity: () => Promise<Identity>
}

/** A request as it was put. */
interface Put {
  question: Question
  trial: Trial
  /** What is known of the form that the server takes. */
  known: Form
  sent: Form
  /** A plainer form had been taken when it was sent. */
  afterPlainer: boolean
}

/**
 * An error status of these kinds turns a request away before the model sees it: nothing is billed. A content filter may bill what it
 * read, and some servers count the tokens of requests that their rate limit refused.
 */
const BEFORE_ANY_WORK: ReadonlySet<FailureCode> = new Set([
  'unauthorized',
  'quota',
  'territory',
  'proxy_refused',
  'bad_configuration',
  'parameter_refused',
  'too_long',
  'unclear_rejection',
])

/** With these outcomes the server has accepted the form of the request. */
const TAKEN: ReadonlySet<FailureCode> = new Set([
  'unusable_answer',
  'cut_off',
  'thought_out',
  'refused_by_model',
  'content_filter',
])

export function createProvider({ settings, key, transport, adaptations }: ProviderOptions): Provider {
  const call = createOpenaiCall({ settings, transport })
  const search = new FormSearch()
  const { model, maxCompletionTokens: configuredCap } = settings
  let likelyCap: Form['cap'] | null = commonCap(model, settings.baseUrl)
  /** A plainer form was taken where it was only supposed that the usual one was refused. */
  let isPlainerTaken = false

  const capOf = (trial: Trial | null) =>
    Math.max(configuredCap, adaptations.form().capTokens ?? 0, trial?.form.capTokens ?? 0)

  // The plainest form lacks everything that can be refused.
  const turn = async (trial: Trial | null, signal: AbortSignal) => {
    if (trial !== null && isPlain(trial)) return
    await search.turn(adaptations.isProved() ? null : adaptations.era(), signal)
  }

  async function ask(question: Question): Promise<Reply> {
    const reply = await send(question)
    const isTold = reply.kind === 'answer' || (reply.kind === 'failure' && reply.next !== null)
    if (!isTold && (question.trial === null || !isPlain(question.trial))) search.failed()
    return reply
  }

  async function send(question: Question): Promise<Reply> {
    const apiKey = await key()
    if (apiKey.value === null) return failure(NO_KEY, nothingSaid(apiKey), { sent: false })
    const era = adaptations.era()
    const fleet = search.formFor(adaptations.form(), era)
    const trial = question.trial ?? firstTrial(fleet, era)
    const known = knownForm(fleet, trial)
    const sent = sentForm(known, trial, likelyCap)
    const put = { question, trial, known, sent, afterPlainer: isPlainerTaken }
    const { exchange, parsed } = await call(keyHeaders(sent, apiKey.value), bodyOf(model, sent, question), question)
    if (exchange.kind === 'not_sent' || exchange.kind === 'aborted') return exchange
    if (exchange.kind !== 'answered') {
      const wasSent = exchange.kind === 'too_big' || exchange.sent
      return failure(verdictOf(exchange), nothingSaid(apiKey), { sent: wasSent })
    }
    const limits = rateHeaders(exchange.headers)
    const said = (usage: Usage | null): Said => ({ usage, limits, keyFingerprint: apiKey.fingerprint })
    if (!isSuccess(exchange.status)) {
      const parts = partsOf(sent, question.schema, trial.capRefused)
      const found = classifyStatus(exchange.status, exchange.body, parts)
      return refused(found, put, said(BEFORE_ANY_WORK.has(found.code) ? NOT_BILLED : null))
    }
    const completion = classifyCompletion(parsed)
    if (completion.ok || TAKEN.has(completion.verdict.code)) took(put, completion.ok)
    if (!completion.ok) return refused(completion.verdict, put, said(completion.usage))
    return { kind: 'answer', content: completion.content, model: completion.model, ...said(completion.usage) }
  }

  /** The form is shared with the fleet; a cap only once there was an answer within it. */
  function took({ question, trial, known, sent }: Put, isAnswer: boolean): void {
    // The server may have refused everything for a while: the next request shows whether it is the form.
    if (trial.supposed) {
      isPlainerTaken = true
      return
    }
    const isLarger = trial.raised && isAnswer
    const capTokens = isLarger ? question.maxCompletionTokens : adaptations.form().capTokens
    const form = { ...learnedForm(known, sent, trial), capTokens }
    const asSent = isSame(form, { ...sent, capTokens })
    if (asSent) isPlainerTaken = false
    adaptations.worked(form, asSent, trial.era)
    search.taken(asSent)
  }

  /** A failure, with the way to ask again where the form or the cap of the request is to blame. */
  function refused(found: Verdict, { question, trial, known, sent, afterPlainer }: Put, said: Said): Reply {
    const told = { sent: true, retryAfterMs: retryAfterMs(said.limits) ?? found.retryAfterMs }
    // That the server refuses a raised cap says nothing about the text or the settings.
    const isRaiseRefused = trial.raised && (found.code === 'too_long' || found.isCapTooLarge)
    if (isRaiseRefused) return failure({ ...found, code: 'thought_out' }, said, told)
    if (found.code === 'thought_out') {
      const next = afterThinking(trial, known, question.maxCompletionTokens, configuredCap)
      return failure(found, said, { ...told, next })
    }
    // It is not known yet whether this server takes such requests at all, so the form is doubted before the text.
    const isDoubtful = found.code === 'unclear_rejection' && !adaptations.isProved()
    const parts = isDoubtful ? (['unnamed'] as const) : found.refused
    if (parts.length === 0) {
      if (trial.refusals > 0 && FAILURES[found.code].hold === 'none') search.doubted()
      return failure(found, said, told)
    }
    // Nothing is left that could be given up.
    if (isBarest(trial) && parts.every((part) => part === 'unnamed')) {
      return failure(isDoubtful ? found : { ...found, code: 'bad_configuration' }, said, told)
    }
    if (parts.includes('cap') && sent.cap === likelyCap) likelyCap = null
    const supposed = trial.supposed || (isDoubtful && !afterPlainer)
    const next = { ...afterRefusal(trial, known, sent, parts, question.schema), supposed }
    search.refused(trial, next, adaptations.isProved())
    return failure({ ...found, code: 'parameter_refused' }, said, { ...told, next })
  }

  const server = digest(settings.baseUrl)
  const way = settings.proxyUrl === null ? 'direct' : digest(new URL(settings.proxyUrl).host)
  const config = `config:${digest(settings.baseUrl, settings.model, settings.responseFormat, String(settings.maxCompletionTokens))}`

  async function identity(): Promise<Identity> {
    const { fingerprint } = await key()
    return {
      outage: `outage:${server}:${way}`,
      route: `route:${server}:${way}`,
      key: `key:${server}:${fingerprint}`,
      // Every setting that the remedy of a bad configuration names: a worker with mended settings is not held by the others.
      config,
    }
  }

  return { turn, ask, capOf, address: shownAddress(settings.baseUrl), identity }
}

const NOT_BILLED: Usage = { promptTokens: 0, completionTokens: 0, totalTokens: 0 }

const NO_KEY = verdict('unauthorized', 'OPENAI_KEY_FILE gives no key')

function verdictOf(exchange: Exchange & { kind: 'timeout' | 'too_big' | 'broken' }): Verdict {
  if (exchange.kind === 'broken') return classifyBroken(exchange.error)
  if (exchange.kind === 'timeout') return verdict('timeout', 'no whole answer in time')
  return verdict('no_completion', 'an answer without end')
}

function failure(
  { code, detail }: Verdict,
  said: Said,
  {
    sent,
    retryAfterMs: waitMs = null,
    next = null,
  }: { sent: boolean; retryAfterMs?: number | null; next?: Trial | null },
): Reply {
  return { kind: 'failure', code, detail, sent, retryAfterMs: waitMs, next, ...said }
}

const nothingSaid = (key: ApiKey): Said => ({ usage: null, limits: {}, keyFingerprint: key.fingerprint })

function rateHeaders(headers: Record<string, string>): RateHeaders {
  return Object.fromEntries(Object.entries(headers).filter(([name]) => /^(retry-after|x-ratelimit-|date$)/.test(name)))
}

const digest = (...parts: string[]) => createHash('sha256').update(JSON.stringify(parts)).digest('hex').slice(0, 12)
