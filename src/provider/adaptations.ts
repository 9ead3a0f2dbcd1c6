/**
 * The form of requests that a server accepts for a model, as the fleet has learned it: shared through Redis, kept over restarts.
 * A form is shared only once the server has accepted a request in it or in a plainer one: one text may have caused an error.
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
/** How often this worker reads what others have learned, ms. */
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
  /** true: the server accepted a request in exactly this form. false: the accepted request left out more. */
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
  /** @returns the form for the next request; reads in the background what others have learned */
  form(): Form
  /** Whether the server has accepted a request in exactly the form that `form` returns. */
  isProved(): boolean
  /** How often this worker found the learned form gone from Redis; see `accepted`. */
  era(): number
  /**
   * The server accepted a request: the fleet uses this form from now on.
   * @param asSent the request was sent in exactly this form
   * @param era when the request was first asked. After the form was deleted or has expired, requests of an earlier era are ignored:
   *   they build on that form
   */
  accepted(form: Form, asSent: boolean, era: number): void
  /** Reads what the fleet has learned. Never rejects: without Redis, this worker learns it anew. */
  load(): Promise<void>
}

/** Long, because everything in it shares the known form and whether Redis holds it. */
export function createAdaptations({
  redis,
  keys,
  server,
  log,
  now = () => performance.now(),
}: AdaptationsOptions): Adaptations {
  const first = firstForm(server.baseUrl)
  const store = createStore(redis, keyOf(keys, server))
  let known = first
  let isProved = false
  let isKept = false
  /** This worker has learned something that Redis does not hold yet. */
  let unsaved = false
  let exchangedAtMs = now()
  let busy = false
  let era = 0

  async function exchange(): Promise<void> {
    if (busy) return
    busy = true
    exchangedAtMs = now()
    try {
      await (unsaved ? save() : read())
    } catch (error) {
      log.debug('could not exchange the learned form of requests with Redis: a later request tries again', {
        reason: (error as Error).message,
      })
    } finally {
      busy = false
    }
  }

  async function read(): Promise<void> {
    const found = await store.read()
    // This worker has learned something meanwhile: it is saved next, and must not be overwritten.
    if (unsaved) return
    if (found === null && isKept) {
      era += 1
      log.info('the learned form of requests was deleted: it is learned anew')
    }
    isKept = found !== null
    isProved = found?.isProved ?? false
    use(found?.form ?? first)
  }

  async function save(): Promise<void> {
    unsaved = false
    try {
      const saved = await store.add(known, isProved)
      // What this worker has learned meanwhile is saved next, and must not be overwritten.
      if (!unsaved) {
        isProved = saved.isProved
        use(saved.form)
      }
    } catch (error) {
      unsaved = true
      throw error
    }
    isKept = true
  }

  function use(form: Form): void {
    if (isSame(form, known)) return
    known = form
    const instead = differences(first, form).join('; ')
    if (instead !== '')
      log.info('using the form of requests that this server is known to accept', { model: server.model, instead })
  }

  return {
    form() {
      if (now() - exchangedAtMs >= FRESH_MS) void exchange()
      return known
    },
    isProved: () => isProved,
    era: () => era,
    accepted(form, asSent, begunIn) {
      if (begunIn !== era) return
      if (isSame(form, known) && (isProved || !asSent)) return
      isProved = asSent || (isProved && isSame(form, known))
      const instead = differences(first, form).join('; ')
      if (!isSame(form, known) && instead !== '') {
        log.warn('the server refuses the usual form of requests: using another one from now on', {
          model: server.model,
          instead,
        })
      }
      known = form
      unsaved = true
      void exchange()
    },
    load: exchange,
  }
}

/** The learned form in Redis. */
function createStore(redis: AdaptationsOptions['redis'], key: string) {
  const read = async () => parse(await redis.get(key))

  /**
   * Saves a form together with what other workers have saved. The two together are proved only if one of them already was the whole.
   * @returns what is saved
   */
  async function add(learned: Form, isLearnedProved: boolean): Promise<{ form: Form; isProved: boolean }> {
    const others = await read()
    const [seconds] = await redis.time()
    const form = others === null ? learned : { ...further(others.form, learned), cap: learned.cap }
    const sinceMs = others !== null && isSame(others.form, form) ? others.sinceMs : Number(seconds) * 1_000
    const isOthers = others !== null && isSame(form, others.form) && others.isProved
    const isProved = (isLearnedProved && isSame(form, learned)) || isOthers
    await redis.set(key, JSON.stringify({ form, isProved, sinceMs }), 'PX', KEPT_MS)
    return { form, isProved }
  }

  return { read, add }
}

const keyOf = (keys: Pick<RedisKeys, 'adaptation'>, { baseUrl, model }: Server) =>
  keys.adaptation(createHash('sha256').update(baseUrl).digest('hex').slice(0, 12), model)

function parse(value: string | null): z.infer<typeof stored> | null {
  if (value === null) return null
  try {
    return stored.parse(JSON.parse(value))
  } catch {
    // Another version's, or not ours: the form is learned anew.
    return null
  }
}

/**
 * @returns the learned form, since when it is used, and a line for each difference from the usual one; null: none was learned
 * @throws as ioredis does
 */
export async function readAdaptation(redis: Redis, keys: RedisKeys, server: Server) {
  const found = parse(await redis.get(keyOf(keys, server)))
  return found === null ? null : { ...found, instead: differences(firstForm(server.baseUrl), found.form) }
}

/** Deletes the learned form, so that the next requests are sent in the usual one. @returns false when none was learned */
export async function forgetAdaptation(redis: Redis, keys: RedisKeys, server: Server): Promise<boolean> {
  return (await redis.unlink(keyOf(keys, server))) > 0
}
