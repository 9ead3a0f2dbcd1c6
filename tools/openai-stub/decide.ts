/** Decides how one chat completion is answered: key, body, trouble, limits, opinion, in the order of the real servers. */
import { createHash } from 'node:crypto'
import type { Arrival } from './arrivals.ts'
import { complete, promptTokensOf, renderCompletion } from './completion.ts'
import type { Delivery, Facts, Reply } from './faults.ts'
import type { Misbehaviour, Trouble } from './misbehaviour.ts'
import { contextExceeded, goDuration, noKey, rateLimited, requestTooLarge, unauthorized } from './problems.ts'
import type { Problem, Profile } from './profiles.ts'
import { deploymentOf, renderProblem } from './profiles.ts'
import type { Texts } from './texts.ts'
import { findReference, findTexts, findWish, hashTexts } from './texts.ts'
import type { ChatRequest } from './validate.ts'
import { isProblem, readRequest } from './validate.ts'
import type { createLimits } from './windows.ts'

/** The server's settings; `configure` changes them while it runs. */
export interface Settings {
  /** ms before an answer; errors are sent at once */
  latencyMs: number
  /** The accepted keys; null accepts every key. */
  keys: readonly string[] | null
  /** The served models (on Azure: deployments); null serves every name. */
  models: readonly string[] | null
}

export interface Brain {
  profile: Profile
  settings: Settings
  limits: ReturnType<typeof createLimits>
  misbehaviour: Misbehaviour
  now: () => number
}

export interface Decision {
  reply: Reply
  delivery: Delivery | null
  waitMs: number
  /** ms between two bytes of a trickle */
  byteDelayMs: number
}

/** Long enough that a client with a limit for the whole answer gives up first. */
const BYTE_DELAY_MS = 200
const SLOW_MS = 5_000

export const hashKey = (key: string): string => createHash('sha256').update(key).digest('hex').slice(0, 8)

/** @returns the headers that this profile sends with every answer */
function commonHeaders({ profile, limits, now }: Brain, requestId: string): Record<string, string> {
  if (profile.name === 'vllm') return { 'content-type': 'application/json', server: 'uvicorn' }
  const plain = { 'x-request-id': requestId, 'content-type': 'application/json' }
  if (profile.limitHeaders === 'none') return plain
  const { requests, tokens } = limits.remaining(now())
  const remaining = {
    ...plain,
    'x-ratelimit-remaining-requests': String(requests.left),
    'x-ratelimit-remaining-tokens': String(tokens.left),
  }
  if (profile.limitHeaders === 'remaining')
    return { ...remaining, 'apim-request-id': requestId, 'x-ms-region': 'Local' }
  return {
    ...remaining,
    'x-ratelimit-limit-requests': String(requests.limit),
    'x-ratelimit-limit-tokens': String(tokens.limit),
    'x-ratelimit-reset-requests': goDuration(requests.resetMs),
    'x-ratelimit-reset-tokens': goDuration(tokens.resetMs),
    'openai-organization': 'stand-in',
    'openai-version': '2020-10-01',
  }
}

function refuse(brain: Brain, requestId: string, problem: Problem): Decision {
  const { profile } = brain
  const extra = profile.limitHeaders === 'none' ? {} : problem.headers
  return {
    reply: {
      status: problem.status,
      headers: { ...commonHeaders(brain, requestId), ...extra },
      body: renderProblem(profile.name, problem),
    },
    delivery: null,
    waitMs: 0,
    byteDelayMs: BYTE_DELAY_MS,
  }
}

/** @returns why the key is refused; null when it is accepted */
export function keyProblem(key: string, keys: readonly string[] | null): Problem | null {
  if (key === '') return noKey
  return keys === null || keys.includes(key) ? null : unauthorized(key)
}

function limitProblem({ limits, now }: Brain, { model }: ChatRequest, tokens: number): Problem | null {
  const refusal = limits.refusal(now(), tokens)
  if (refusal === null) return null
  if (refusal.waitMs === Number.POSITIVE_INFINITY) return requestTooLarge(model, refusal.limit, refusal.requested)
  return rateLimited({ model, ...refusal })
}

/**
 * Decides at once what will be sent. Fills the arrival in and counts it in the windows.
 * @param path without its query; Azure's names the deployment
 */
export function decide(brain: Brain, arrival: Arrival, key: string, path: string, body: string): Decision {
  const { profile, settings, limits, misbehaviour, now } = brain
  const denied = keyProblem(key, settings.keys)
  const request = denied ?? readRequest(body, profile, deploymentOf(path), settings.models)
  // The limits are checked before the request is counted, so that it is not refused because of itself.
  const counted = (decision: Decision, billedTokens = 0): Decision => {
    limits.countRequest(now())
    if (billedTokens > 0) limits.countTokens(now(), billedTokens)
    arrival.billedTokens = billedTokens
    return decision
  }
  if (isProblem(request)) return counted(refuse(brain, arrival.id, request))
  const texts = findTexts(request.messages)
  arrival.texts = hashTexts(texts)
  arrival.ref = findReference(texts)
  const promptTokens = promptTokensOf(request)
  const facts: Facts = { request, profile, key, requestId: arrival.id, promptTokens, options: {} }
  const suspect = {
    texts: request.messages.map(({ text }) => text),
    hash: arrival.texts,
    key,
    wish: findWish(texts),
  }
  const problemOf = ({ fault, options }: Trouble) => ('problem' in fault ? fault.problem({ ...facts, options }) : null)
  const trouble = misbehaviour.meet(suspect, (one) => !('problem' in one.fault) || problemOf(one) !== null)
  const problem = trouble === null ? null : problemOf(trouble)
  arrival.fault = trouble?.name ?? null
  if (problem !== null) return counted(refuse(brain, arrival.id, problem))
  if (promptTokens + (request.maxTokens ?? 0) > profile.contextTokens) {
    const tooLong = contextExceeded(profile.contextTokens, promptTokens, request.maxTokens ?? 0)
    return counted(refuse(brain, arrival.id, tooLong))
  }
  return answerWith(brain, arrival, { facts, texts, trouble }, counted)
}

function answerWith(
  brain: Brain,
  arrival: Arrival,
  { facts, texts, trouble }: { facts: Facts; texts: Texts; trouble: Trouble | null },
  counted: (decision: Decision, billedTokens?: number) => Decision,
): Decision {
  const { profile, settings, now } = brain
  const fault = trouble?.fault ?? null
  const known = { ...facts, options: trouble?.options ?? {} }
  const right = complete(facts.request, texts, profile, facts.promptTokens)
  const told = fault !== null && 'completion' in fault ? fault.completion(right, known) : right
  const billedTokens = told.promptTokens + told.completionTokens
  const limited = limitProblem(brain, facts.request, billedTokens)
  if (limited !== null) {
    arrival.fault = null
    return counted(refuse(brain, arrival.id, limited))
  }
  const decision: Decision = {
    reply: { status: 200, headers: {}, body: renderCompletion(told, profile, arrival.id, now()) },
    delivery: fault !== null && 'delivery' in fault ? fault.delivery : null,
    waitMs: settings.latencyMs + (fault !== null && 'slow' in fault ? (known.options.delayMs ?? SLOW_MS) : 0),
    byteDelayMs: known.options.delayMs ?? BYTE_DELAY_MS,
  }
  if (fault !== null && 'reply' in fault) decision.reply = fault.reply(decision.reply, known)
  const billed = decision.reply.status === 200
  if (billed) {
    arrival.promptTokens = told.promptTokens
    arrival.completionTokens = told.completionTokens
  }
  const done = counted(decision, billed ? billedTokens : 0)
  // Added after the counting, so that the headers report what remains after this request.
  done.reply.headers = { ...commonHeaders(brain, arrival.id), ...done.reply.headers }
  return done
}
