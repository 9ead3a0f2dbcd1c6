/** The load: requests of every kind, copies of them, and messages that cannot be answered. */
import type { Message } from 'kafkajs'
import type { Expected } from '../support/audit.ts'
import { traceable } from '../support/audit.ts'
import type { Seen } from '../support/topic-reader.ts'
import { idIn, request } from '../support/world.ts'
import type { Dice } from './dice.ts'

const FIRST_ID = 100_001
/** Faults of a request's first call; its second call succeeds. */
const WISHES = ['http_500', 'http_503', 'reset', 'not_json', 'rate_limited', 'close_body', 'length', 'hang'] as const

export type Load = ReturnType<typeof createLoad>

/** @param partitions of the requests topic; most go to the first, as with today's producers */
export function createLoad(dice: Dice, partitions: number) {
  const messages: Message[] = []
  const expected = new Map<string, Expected>()
  let poisons = 0

  function fresh(): Message {
    if (dice.chance(0.03)) return { key: 'new_request', value: `poison ${++poisons}` }
    const id = FIRST_ID + messages.length
    const isInvalid = dice.chance(0.03)
    expected.set(`${id}`, isInvalid ? 'failure' : 'answer')
    if (isInvalid) return request(id, { resume: 5 })
    const wish = dice.chance(0.08) ? `[[stub:${dice.pick(WISHES.map((name) => [1, name]))}*1]]` : ''
    return traceable(id, wish)
  }

  const placed = (message: Message): Message => ({
    ...message,
    partition: dice.chance(0.5) ? 0 : dice.between(0, partitions - 1),
  })

  return {
    /** @returns so many new messages, each perhaps with copies of itself or of an earlier one on whatever partitions */
    next(count: number): Message[] {
      return Array.from({ length: count }, () => {
        const message = fresh()
        messages.push(message)
        const copies = dice.chance(0.1) ? dice.between(1, 3) : 0
        const earlier = dice.chance(0.1) ? messages[dice.between(0, messages.length - 1)]! : message
        return [message, ...Array.from({ length: copies }, () => earlier)].map(placed)
      }).flat()
    },
    /** Ids that must have an outcome. */
    ids: (): string[] => [...expected.keys()],
    /** @returns copies of the most recent `count` messages */
    again: (count: number): Message[] => messages.slice(-count).map(placed),
    expected: (message: Seen): Expected => expected.get(idIn(message.value)) ?? 'dead letter',
  }
}
