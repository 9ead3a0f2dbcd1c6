/**
 * What the fleet has learned about the form of requests that a server takes for a model: shared by Redis, kept over restarts.
 * Only a form in which the server took a request is shared: an error may have been caused by one text.
 */
import { createHash } from 'node:crypto'
import type { Redis } from 'ioredis'
import { z } from 'zod'
import type { Log } from '../logging/log.ts'
import type { RedisKeys } from '../redis/keys.ts'
import type { Form } from './form.ts'
import { FORMATS, differences, firstForm, further, isSame } from './form.ts'

/** How long a learned form is kept, ms; see redis/keys.ts. */
const KEPT_MS = 30 * 86_400_000
/** How much later this worker notices what other workers learned, or that it was forgotten, ms. */
const FRESH_MS = 1_000

const stored = z.object({
  form: z.object({
    format: z.enum(FORMATS),
    seed: z.boolean(),
    temperature: z.boolean(),
    cap: z.enum(['max_completion_tokens', 'max_tokens']),
    messages: z.enum(['separate', 'merged', 'folded']),
    key: z.enum(['bearer', 'every_header']),
    capTokens: z.int().positive().nullable(),
  }),
  /** true: the server took a request in exactly this form. false: the request that it took gave up more. */
  isProved: z.boolean(),
  sinceMs: z.number(),
})

export interface AdaptationsOptions {
  redis: Pick<Redis, 'get' | 'set' | 'time'>
  keys: Pick<RedisKeys, 'adaptation'>
  server: Server
  log: Log
  /** performance.now() */
  now?: () => number
}

export interface Server {
  baseUrl: string
  model: string
}

export interface Adaptations {
  /** The form for the next request; what others have learned meanwhile is read in the background. */
  form(): Form
  /** Whether the server has taken a request in this form. */
  isProved(): boolean
  /** How often the learned form was forgotten; see `worked`. */
  era(): number
  /**
   * The server took a request: the fleet uses this form from now on.
   * @param asSent the request was sent in exactly this form
   * @param era when the request was first asked; a request from before the form was forgotten teaches nothing, as it builds on that form
   */
  worked(form: Form, asSent: boolean, era: number): void
  /** Reads what the fleet has learned. Never rejects: without Redis it is learned anew. */
  load(): Promise<void>
}

export function createAdaptations({
  redis,
  keys,
  server,
  log,
  now = () => performance.now(),
}: AdaptationsOptions): Adaptations {
  const first = firstForm(server.baseUrl)
  const key = keyOf(keys, server)
  let known = first
  let isProved = false
  let isKept = false
  /** This worker has learned something that Redis does not hold yet. */
  let unsaved = false
  let lookedAtMs = now()
  let busy = false
  let era = 0

  async function exchange(): Promise<void> {
    if (busy) return
    busy = true
    lookedAtMs = now()
    try {
      await (unsaved ? save() : read())
    } catch (error) {
      log.debug('what was learned about the server is not shared now', { reason: (error as Error).message })
    } finally {
      busy = false
    }
  }

  async function read(): Promise<void> {
    const found = parse(await redis.get(key))
    // This worker learned something meanwhile, which is saved next and must not be overwritten.
    if (unsaved) return
    if (found === null && isKept) {
      era += 1
      log.info('what was learned about the server was forgotten')
    }
    isKept = found !== null
    isProved = found?.isProved ?? false
    take(found?.form ?? first, 'requests are sent as this server was found to take them')
  }

  async function save(): Promise<void> {
    const others = parse(await redis.get(key))
    const [seconds] = await redis.time()
    unsaved = false
    const form = others === null ? known : { ...further(others.form, known), cap: known.cap }
    const sinceMs = others !== null && isSame(others.form, form) ? others.sinceMs : Number(seconds) * 1_000
    try {
      await redis.set(key, JSON.stringify({ form, isProved, sinceMs }), 'PX', KEPT_MS)
    } catch (error) {
      unsaved = true
      throw error
    }
    isKept = true
    take(form, 'requests are sent as this server was found to take them')
  }

  function take(form: Form, message: string): void {
    if (isSame(form, known)) return
    known = form
    const given = differences(first, form)
    if (given.length > 0) log.info(message, { model: server.model, instead: given.join('; ') })
  }

  return {
    form() {
      if (now() - lookedAtMs >= FRESH_MS) void exchange()
      return known
    },
    isProved: () => isProved,
    era: () => era,
    worked(form, asSent, begunIn) {
      if (begunIn !== era) return
      if (isSame(form, known) && (isProved || !asSent)) return
      isProved = asSent || (isProved && isSame(form, known))
      const given = differences(first, form)
      if (!isSame(form, known) && given.length > 0) {
        log.warn('the server refuses the usual form of requests: another one is used from now on', {
          model: server.model,
          instead: given.join('; '),
        })
      }
      known = form
      unsaved = true
      void exchange()
    },
    load: exchange,
  }
}

const keyOf = (keys: Pick<RedisKeys, 'adaptation'>, { baseUrl, model }: Server) =>
  keys.adaptation(createHash('sha256').update(baseUrl).digest('hex').slice(0, 12), model)

function parse(value: string | null): z.infer<typeof stored> | null {
  if (value === null) return null
  try {
    return stored.parse(JSON.parse(value))
  } catch {
    // Of another version, or not ours: learned anew.
    return null
  }
}

/**
 * @returns what was learned about a server, a line for each thing that is given up, and since when; null: nothing
 * @throws as ioredis does
 */
export async function readAdaptation(redis: Redis, keys: RedisKeys, server: Server) {
  const found = parse(await redis.get(keyOf(keys, server)))
  return found === null ? null : { ...found, instead: differences(firstForm(server.baseUrl), found.form) }
}

/** Forgets the learned form, so that the next requests are sent in the usual one. @returns false when nothing was learned */
export async function forgetAdaptation(redis: Redis, keys: RedisKeys, server: Server): Promise<boolean> {
  return (await redis.unlink(keyOf(keys, server))) > 0
}
