/**
 * Finds the form that a server accepts within three calls of one request: the first in the form that the fleet knows, the second
 * without the refused part (in the plainest form, when the server names no part), the third in the barest form. A fourth call is
 * made only if the server then refuses the name of the cap. Pure: a trial travels with its request.
 *
 * Once the server has accepted the request, the fleet leaves out for 30 days (adaptations.ts) what the server refused by name. What
 * else the barest form left out, the next request tries again. After a refusal that named no part, the fleet keeps the whole form in
 * which the request was accepted, because nobody knows which part was to blame.
 */
import type { AnswerSchema, Form } from './form.ts'
import { barest, further, plainest, without } from './form.ts'
import type { RefusedPart } from './refused-parts.ts'

export interface Trial {
  /** The form without the parts that the server refused to this request, and with the cap that the request needs. */
  form: Form
  /** How many calls of this request were refused for their form. */
  refusedCalls: number
  /** When this request was first asked; see adaptations.ts. */
  era: number
  /** The server refused one name of the cap: the request keeps the other name, whatever the fleet uses. */
  capRefused: boolean
  /** The server did not say what it refuses: the request uses the plainest form. */
  unnamed: boolean
  /** It is only supposed that the form was refused: the error did not say so, and no plainer form was accepted before. */
  supposed: boolean
  /** The cap of the answer was raised for a model that thinks first. */
  raised: boolean
}

/** After this many refused calls, a request leaves out every part that can be left out. */
const REFUSED_CALLS_BEFORE_BAREST = 2
/** By what factor a cap that a model's thinking used up is raised each time. */
const RAISE = 4
/** The largest cap, as a multiple of the setting's. */
const MAX_RAISE = 16

/** @returns the trial of a request that has not been asked yet */
export const firstTrial = (form: Form, era: number): Trial => ({
  form,
  era,
  refusedCalls: 0,
  capRefused: false,
  unnamed: false,
  supposed: false,
  raised: false,
})

/** @returns the form that the server accepts, as far as this request and, meanwhile, the fleet have found out */
export function knownForm(fleet: Form, { form, capRefused }: Trial): Form {
  return { ...further(fleet, form), cap: capRefused ? form.cap : fleet.cap }
}

/** @returns whether the request leaves out all that it can */
export const isBarest = ({ refusedCalls }: Trial): boolean => refusedCalls >= REFUSED_CALLS_BEFORE_BAREST

/** @returns whether the request is now sent in the plainest or the barest form */
export const isPlain = (trial: Trial): boolean => trial.unnamed || isBarest(trial)

/**
 * @param likelyCap the name of the cap that the server most likely knows; null: unknown, so the current name stays
 * @returns the form in which to send the request now
 */
export function sentForm(known: Form, trial: Trial, likelyCap: Form['cap'] | null): Form {
  if (!isPlain(trial)) return known
  const form = isBarest(trial) ? barest(known) : plainest(known)
  return { ...form, cap: trial.capRefused ? known.cap : (likelyCap ?? known.cap) }
}

/** @param sent the form that was refused @returns the next trial, without the refused parts */
export function afterRefusal(
  trial: Trial,
  known: Form,
  sent: Form,
  refused: readonly RefusedPart[],
  schema: AnswerSchema,
): Trial {
  const base = refused.includes('cap') ? { ...known, cap: sent.cap } : known
  return {
    ...trial,
    form: refused.reduce((form, part) => without(form, part, schema), base),
    refusedCalls: trial.refusedCalls + 1,
    capRefused: trial.capRefused || refused.includes('cap'),
    unnamed: trial.unnamed || refused.includes('unnamed'),
  }
}

/**
 * @returns the form that the fleet should use now that the server has accepted the request; the caller sets `capTokens`
 */
export const learnedForm = (known: Form, sent: Form, { unnamed }: Trial): Form => (unnamed ? sent : known)

/** @returns the trial with a larger cap; null: the cap is already the largest allowed */
export function afterThinking(trial: Trial, known: Form, cap: number, configuredCap: number): Trial | null {
  const capTokens = Math.min(cap * RAISE, configuredCap * MAX_RAISE)
  return capTokens <= cap ? null : { ...trial, form: { ...known, capTokens }, raised: true }
}
