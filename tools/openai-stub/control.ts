/** The server's control interface under `/__stub/`: its log, its faults and its settings. */
import { z } from 'zod'
import type { Arrival } from './arrivals.ts'
import type { Settings } from './decide.ts'
import type { FaultName } from './faults.ts'
import { FAULTS } from './faults.ts'
import type { Spell } from './misbehaviour.ts'
import type { Limits } from './windows.ts'

/** What can be changed while the server runs. */
export type Change = Partial<Settings> & { limits?: Limits }

export interface Controls {
  arrivals(since?: number): Arrival[]
  summary(): unknown
  misbehave(spell: Spell): number
  lift(id?: number): void
  spells(): unknown
  configure(change: Change): void
}

const positive = z.number().positive()
const spellSchema = z.strictObject({
  fault: z.string().refine((name): name is FaultName => Object.hasOwn(FAULTS, name), {
    message: `must be one of ${Object.keys(FAULTS).join(', ')}`,
  }),
  count: positive.optional(),
  forMs: positive.optional(),
  match: z.string().min(1).optional(),
  key: z.string().optional(),
  every: positive.optional(),
  status: z.number().int().min(400).max(599).optional(),
  retryAfterMs: z.number().nonnegative().optional(),
  parameter: z.string().optional(),
  delayMs: z.number().nonnegative().optional(),
})

const limit = z.number().nonnegative().nullable().optional()
const changeSchema = z.strictObject({
  latencyMs: z.number().nonnegative().optional(),
  keys: z.array(z.string()).nullable().optional(),
  models: z.array(z.string()).nullable().optional(),
  limits: z.strictObject({ rpm: limit, rpd: limit, tpm: limit, rps: limit }).optional(),
})

/** zod writes absent keys as undefined, which the receivers treat differently from absent ones. */
const present = (value: object): unknown =>
  Object.fromEntries(Object.entries(value).filter(([, field]) => field !== undefined))

export interface ControlReply {
  status: number
  body: unknown
}

const bad = (error: string): ControlReply => ({ status: 400, body: { error } })

function parsed<T>(schema: z.ZodType<T>, text: string, use: (value: T) => unknown): ControlReply {
  let json: unknown
  try {
    json = JSON.parse(text)
  } catch {
    return bad('the body is not valid JSON')
  }
  const result = schema.safeParse(json)
  return result.success ? { status: 200, body: use(result.data) } : bad(z.prettifyError(result.error))
}

/**
 * | request | does |
 * |---|---|
 * | `GET /__stub/log?since=N` | the arrivals after number N, oldest first |
 * | `GET /__stub/summary` | counts, billed tokens, and per rolling window the limit, what is in it and the most there was |
 * | `GET`, `POST`, `DELETE /__stub/misbehave` | the spells of trouble; starts one (see `Spell`); lifts one (`?id=N`) or all |
 * | `GET /__stub/faults` | the names of all faults |
 * | `POST /__stub/configure` | latency, keys, models, limits |
 */
export function control(controls: Controls, method: string, url: URL, text: string): ControlReply {
  const number = (name: string) => (url.searchParams.has(name) ? Number(url.searchParams.get(name)) : undefined)
  switch (`${method} ${url.pathname}`) {
    case 'GET /__stub/log':
      return { status: 200, body: controls.arrivals(number('since')) }
    case 'GET /__stub/summary':
      return { status: 200, body: controls.summary() }
    case 'GET /__stub/faults':
      return { status: 200, body: Object.keys(FAULTS) }
    case 'GET /__stub/misbehave':
      return { status: 200, body: controls.spells() }
    case 'POST /__stub/misbehave':
      return parsed(spellSchema, text, (spell) => ({ id: controls.misbehave(present(spell) as Spell) }))
    case 'DELETE /__stub/misbehave':
      controls.lift(number('id'))
      return { status: 200, body: controls.spells() }
    case 'POST /__stub/configure':
      return parsed(changeSchema, text, (change) => {
        controls.configure(present(change) as Change)
        return controls.summary()
      })
    default:
      return { status: 404, body: { error: `no ${method} ${url.pathname} here` } }
  }
}
