/**
 * How one request finds the form that a server takes, within three calls: the first in the form that the fleet knows, the second
 * without what was refused (in the plainest form, when the server does not say what), the third in the barest form. A fourth is
 * made only where that one's name of the cap is refused. Pure: a trial travels with its request. What was refused by name is
 * given up for good once the server takes the request; what else the barest form leaves out is tried again by the next request.
 */
import type { AnswerSchema, Form } from './form.ts'
import { barest, further, plainest, without } from './form.ts'
import type { Refusal } from './refusals.ts'

export interface Trial {
  /** Without what this request was refused so far, and with the cap that it needs. */
  form: Form
  refusals: number
  /** See adaptations.ts: what the fleet knew when this request was first asked. */
  era: number
  /** The server refused one name of the cap to this request: it keeps the other one, whatever the fleet uses. */
  capRefused: boolean
  /** The server did not say what it refuses: the plainest form is all that is known to work. */
  unnamed: boolean
  /** It was only supposed that the form was refused: the error did not say so, and no plainer form had been taken before. */
  supposed: boolean
  /** The cap of the answer was raised for a model that thinks. */
  raised: boolean
}

/** After this many refusals of one request, it gives up every part that can be given up. */
const REFUSALS_BEFORE_BAREST = 2
/** By what factor a cap that was too small for a model's thinking is raised at a time, and at most, from the setting's. */
const RAISE = 4
const MOST_RAISE = 16

/** @returns the trial of a request that was not asked yet */
export const firstTrial = (form: Form, era: number): Trial => ({
  form,
  era,
  refusals: 0,
  capRefused: false,
  unnamed: false,
  supposed: false,
  raised: false,
})

/** @returns what is known of the form that the server takes: by this request's calls and, meanwhile, by others */
export function knownForm(fleet: Form, { form, capRefused }: Trial): Form {
  return { ...further(fleet, form), cap: capRefused ? form.cap : fleet.cap }
}

/** @returns whether the request gives up all that it can */
export const isBarest = ({ refusals }: Trial): boolean => refusals >= REFUSALS_BEFORE_BAREST

/** @returns whether the request is sent in the plainest form now, or in the barest */
export const isPlain = (trial: Trial): boolean => trial.unnamed || isBarest(trial)

/**
 * @param likelyCap the name of the cap that the server is likeliest to know; null: not better known than the one in use
 * @returns the form in which the request is sent now
 */
export function sentForm(known: Form, trial: Trial, likelyCap: Form['cap'] | null): Form {
  if (!isPlain(trial)) return known
  const form = isBarest(trial) ? barest(known) : plainest(known)
  return { ...form, cap: trial.capRefused ? known.cap : (likelyCap ?? known.cap) }
}

/** @param sent the form that was refused */
export function afterRefusal(
  trial: Trial,
  known: Form,
  sent: Form,
  refused: readonly Refusal[],
  schema: AnswerSchema,
): Trial {
  const base = refused.includes('cap') ? { ...known, cap: sent.cap } : known
  const refusals = trial.refusals + 1
  return {
    ...trial,
    form: refused.reduce((form, part) => without(form, part, schema), base),
    refusals,
    capRefused: trial.capRefused || refused.includes('cap'),
    unnamed: trial.unnamed || refused.includes('unnamed'),
  }
}

/**
 * @returns the form that the fleet is to use now that the server took the request; the cap that it needs is the caller's to add
 */
export const learnedForm = (known: Form, sent: Form, { unnamed }: Trial): Form => (unnamed ? sent : known)

/** @returns the trial with a larger cap; null when it is as large as it may become */
export function afterThinking(trial: Trial, known: Form, cap: number, configuredCap: number): Trial | null {
  const capTokens = Math.min(cap * RAISE, configuredCap * MOST_RAISE)
  return capTokens <= cap ? null : { ...trial, form: { ...known, capTokens }, raised: true }
}
