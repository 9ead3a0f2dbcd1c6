/** Sends one question to the model and classifies what comes back. */
import { createHash } from 'node:crypto'
import type { RateHeaders } from '../budget/rate-headers.ts'
import { retryAfterMs } from '../budget/rate-headers.ts'
import type { Config } from '../config.ts'
import type { FailureCode } from '../errors.ts'
import { FAILURES } from '../errors.ts'
import { shownAddress } from '../lib/address.ts'
import type { Adaptations } from './adaptations.ts'
import type { Classified } from './classify.ts'
import { classified, classifyBroken, classifyStatus } from './classify.ts'
import { classifyCompletion } from './classify-completion.ts'
import type { Form } from './form.ts'
import { bodyOf, commonCap, isSame, keyHeaders, partsOf } from './form.ts'
import { FormSearch } from './form-search.ts'
import type { Identity } from './holds.ts'
import type { KeySource } from './key.ts'
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
   * Waits at most two seconds while another request finds out what the server refuses. Await it before each call, before its
   * grant is asked of the budget.
   * @param trial what the request's earlier calls found out; null before its first
   * @throws the signal's reason when it aborts first
   */
  untilFormKnown: (trial: Trial | null, signal: AbortSignal) => Promise<void>
  /**
   * Sends at most one HTTP request, without a retry. Rejects only because of a bug (TypeError and the like).
   * @returns within OPENAI_TIMEOUT_SECONDS
   */
  ask: (question: Question) => Promise<Reply>
  /** @returns the cap of an answer, tokens: the setting, or a larger one that a thinking model was found to need */
  capOf: (trial: Trial | null) => number
  /** The server's address for the log, without query and credentials. */
  address: string
  /** @returns the current scopes of this worker's calls; see gate.ts */
  identity: () => Promise<Identity>
}

/** A question and the form in which it was sent. */
interface SentQuestion {
  question: Question
  trial: Trial
  /** The form that the server is known to accept so far. */
  known: Form
  sent: Form
  /** The server had accepted a plainer form before this was sent. */
  afterPlainer: boolean
}

/**
 * With these errors the server turns a request away before the model sees it, so nothing is billed. Not among them: a content
 * filter, which may bill what it read, and rate limits, since some servers count the tokens of requests that they refuse.
 */
const NEVER_BILLED: ReadonlySet<FailureCode> = new Set([
  'unauthorized',
  'quota',
  'territory',
  'proxy_refused',
  'bad_configuration',
  'parameter_refused',
  'too_long',
  'unclear_rejection',
])

/** With these failures the server has still accepted the form of the request. */
const ACCEPTED: ReadonlySet<FailureCode> = new Set([
  'unusable_answer',
  'cut_off',
  'thought_out',
  'refused_by_model',
  'content_filter',
])

/** Long, because everything in it shares what this worker knows of the form that the server accepts. */
export function createProvider({ settings, key, transport, adaptations }: ProviderOptions): Provider {
  const call = createOpenaiCall({ settings, transport })
  const search = new FormSearch()
  const { model, maxCompletionTokens: configuredCap } = settings
  let likelyCap: Form['cap'] | null = commonCap(model, settings.baseUrl)
  /** The server accepted a plainer form after an error that did not say whether it refused the usual one. */
  let isPlainerAccepted = false

  const capOf = (trial: Trial | null) =>
    Math.max(configuredCap, adaptations.form().capTokens ?? 0, trial?.form.capTokens ?? 0)

  // A request in the plainest form need not wait: it has hardly a part left to be refused.
  const untilFormKnown = async (trial: Trial | null, signal: AbortSignal) => {
    if (trial !== null && isPlain(trial)) return
    await search.turn(adaptations.isProved() ? null : adaptations.era(), signal)
  }

  async function ask(question: Question): Promise<Reply> {
    const reply = await send(question)
    const isDecided = reply.kind === 'answer' || (reply.kind === 'failure' && reply.next !== null)
    if (!isDecided && (question.trial === null || !isPlain(question.trial))) search.failed()
    return reply
  }

  async function send(question: Question): Promise<Reply> {
    const apiKey = await key()
    if (apiKey.value === null) return failure(NO_KEY, NOTHING_SAID, { sent: false })
    const era = adaptations.era()
    const fleet = search.formFor(adaptations.form(), era)
    const trial = question.trial ?? firstTrial(fleet, era)
    const known = knownForm(fleet, trial)
    const sent = sentForm(known, trial, likelyCap)
    const asked: SentQuestion = { question, trial, known, sent, afterPlainer: isPlainerAccepted }
    const { exchange, parsed } = await call(keyHeaders(sent, apiKey.value), bodyOf(model, sent, question), question)
    if (exchange.kind === 'not_sent' || exchange.kind === 'aborted') return exchange
    if (exchange.kind !== 'answered') {
      const wasSent = exchange.kind === 'too_big' || exchange.sent
      return failure(classifyExchange(exchange), NOTHING_SAID, { sent: wasSent })
    }
    const limits = rateHeaders(exchange.headers)
    const said = (usage: Usage | null): Said => ({ usage, limits })
    if (!isSuccess(exchange.status)) {
      const parts = partsOf(sent, question.schema, trial.capRefused)
      const found = classifyStatus(exchange.status, exchange.body, parts)
      return refused(found, asked, said(NEVER_BILLED.has(found.code) ? NOT_BILLED : null))
    }
    const completion = classifyCompletion(parsed)
    if (completion.ok || ACCEPTED.has(completion.failure.code)) accepted(asked, completion.ok)
    if (!completion.ok) return refused(completion.failure, asked, said(completion.usage))
    return { kind: 'answer', content: completion.content, model: completion.model, ...said(completion.usage) }
  }

  /** Shares the accepted form with the fleet. A larger cap is shared only once an answer fitted into it. */
  function accepted({ question, trial, known, sent }: SentQuestion, isAnswer: boolean): void {
    // The server may have refused everything for a while: the next request shows whether it refuses the form.
    if (trial.supposed) {
      isPlainerAccepted = true
      return
    }
    const isLarger = trial.raised && isAnswer
    const capTokens = isLarger ? question.maxCompletionTokens : adaptations.form().capTokens
    const form = { ...learnedForm(known, sent, trial), capTokens }
    const asSent = isSame(form, { ...sent, capTokens })
    if (asSent) isPlainerAccepted = false
    adaptations.accepted(form, asSent, trial.era)
    search.accepted(asSent)
  }

  /** @returns a failure, with the next trial where the form or the cap of the request is to blame */
  function refused(found: Classified, asked: SentQuestion, said: Said): Reply {
    const { question, trial, known, sent, afterPlainer } = asked
    const rest = { sent: true, retryAfterMs: retryAfterMs(said.limits) ?? found.retryAfterMs }
    // A refused larger cap says nothing about the text or the settings.
    const isRaiseRefused = trial.raised && (found.code === 'too_long' || found.isCapTooLarge)
    if (isRaiseRefused) return failure({ ...found, code: 'thought_out' }, said, rest)
    if (found.code === 'thought_out') {
      const next = afterThinking(trial, known, question.maxCompletionTokens, configuredCap)
      return failure(found, said, { ...rest, next })
    }
    // The server has not yet accepted any request in this form, so suspect the form before the text.
    const isDoubtful = found.code === 'unclear_rejection' && !adaptations.isProved()
    const parts = isDoubtful ? (['unnamed'] as const) : found.refused
    if (parts.length === 0) {
      if (trial.refusedCalls > 0 && FAILURES[found.code].hold === 'none') search.doubted()
      return failure(found, said, rest)
    }
    // Nothing is left to leave out.
    if (isBarest(trial) && parts.every((part) => part === 'unnamed')) {
      return failure(isDoubtful ? found : { ...found, code: 'bad_configuration' }, said, rest)
    }
    if (parts.includes('cap') && sent.cap === likelyCap) likelyCap = null
    const supposed = trial.supposed || (isDoubtful && !afterPlainer)
    const next = { ...afterRefusal(trial, known, sent, parts, question.schema), supposed }
    search.refused(trial, next, adaptations.isProved())
    return failure({ ...found, code: 'parameter_refused' }, said, { ...rest, next })
  }

  return { untilFormKnown, ask, capOf, address: shownAddress(settings.baseUrl), identity: identityOf(settings, key) }
}

/** @returns a function that names the current scopes of this worker's calls */
function identityOf(settings: ProviderOptions['settings'], key: KeySource): () => Promise<Identity> {
  const { baseUrl, proxyUrl, model, responseFormat, maxCompletionTokens } = settings
  const server = digest(baseUrl)
  const route = proxyUrl === null ? 'direct' : digest(new URL(proxyUrl).host)
  // All settings that the remedy for a bad configuration names, so that a worker with corrected settings is not held by the others.
  const config = `config:${digest(baseUrl, model, responseFormat, String(maxCompletionTokens))}`
  return async () => ({
    outage: `outage:${server}:${route}`,
    route: `route:${server}:${route}`,
    key: `key:${server}:${(await key()).fingerprint}`,
    config,
  })
}

const NOT_BILLED: Usage = { promptTokens: 0, completionTokens: 0, totalTokens: 0 }

const NO_KEY = classified('unauthorized', 'OPENAI_KEY_FILE holds no key')

function classifyExchange(exchange: Exchange & { kind: 'timeout' | 'too_big' | 'broken' }): Classified {
  if (exchange.kind === 'broken') return classifyBroken(exchange.error)
  if (exchange.kind === 'timeout') return classified('timeout', 'no complete answer in time')
  return classified('no_completion', 'the answer is too large')
}

function failure(
  { code, detail }: Classified,
  said: Said,
  {
    sent,
    retryAfterMs: waitMs = null,
    next = null,
  }: { sent: boolean; retryAfterMs?: number | null; next?: Trial | null },
): Reply {
  return { kind: 'failure', code, detail, sent, retryAfterMs: waitMs, next, ...said }
}

const NOTHING_SAID: Said = { usage: null, limits: {} }

function rateHeaders(headers: Record<string, string>): RateHeaders {
  return Object.fromEntries(Object.entries(headers).filter(([name]) => /^(retry-after|x-ratelimit-|date$)/.test(name)))
}

const digest = (...parts: string[]) => createHash('sha256').update(JSON.stringify(parts)).digest('hex').slice(0, 12)
