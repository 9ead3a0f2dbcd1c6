/** What the worker logs when a certificate, a login or a right is missing: one line that names it, repeated only a few times. */
import type { AclEntry } from 'kafkajs'
import kafkajs from 'kafkajs'
import { afterAll, beforeAll, describe, expect, test } from 'vitest'
import type { Secured } from '../support/secured.ts'
import { allow, login, PASSWORD, startSecured, worldOn } from '../support/secured.ts'
import { waitUntil } from '../support/wait.ts'
import { request } from '../support/world.ts'
import { world, worldOfTheFile } from '../support/worlds.ts'

const { AclOperationTypes, AclResourceTypes } = kafkajs

let secured: Secured

interface Lack {
  settings?: () => Record<string, string>
  /** The rights that are not given. */
  kafka?: (entry: AclEntry) => boolean
  redis?: (rule: string) => boolean
  says: RegExp
  /** The worker ends instead of waiting for the repair. */
  ends?: true
  /** Nothing may be written into the database that every connection begins in. */
  database?: true
}

const right = (kind: keyof typeof AclResourceTypes, operation: keyof typeof AclOperationTypes, name = '') => ({
  kafka: (entry: AclEntry) =>
    entry.resourceType === AclResourceTypes[kind] &&
    entry.operation === AclOperationTypes[operation] &&
    entry.resourceName.endsWith(name),
})

const LACKS: Record<string, Lack> = {
  "a certificate of Kafka's by another authority": {
    settings: () => ({ KAFKA_TLS_CA_FILE: secured.otherCaFile }),
    says: /certificate.*KAFKA_TLS_CA_FILE/,
  },
  'TLS for Kafka': {
    settings: () => ({ KAFKA_TLS: 'off', KAFKA_TLS_CA_FILE: '' }),
    says: /KAFKA_TLS/,
  },
  'the right password for Kafka (PLAIN)': {
    settings: () => ({ KAFKA_SASL_PASSWORD: 'wrong' }),
    says: /authentication failed.*KAFKA_SASL_PASSWORD/,
  },
  'the right password for Kafka (SCRAM)': {
    settings: () => ({ KAFKA_SASL_MECHANISM: 'scram-sha-512', KAFKA_SASL_PASSWORD: 'wrong' }),
    says: /authentication failed.*KAFKA_SASL_PASSWORD/,
  },
  'Read on the requests': {
    ...right('TOPIC', 'READ', '.AI_handler'),
    says: /the topic \S+\.AI_handler is missing and may not be created: create it, or allow/,
    ends: true,
  },
  'Write on the notifications': {
    ...right('TOPIC', 'WRITE', '.notifications'),
    says: /publishing is held: Kafka refuses a topic topic=\S+\.notifications .*TOPIC_AUTHORIZATION_FAILED/,
  },
  'Read on the notifications': {
    ...right('TOPIC', 'READ', '.notifications'),
    says: /lacks a right.*Topic authorization failed/,
  },
  'Read on the group': { ...right('GROUP', 'READ'), says: /lacks a right.*Not authorized to access group/ },
  'Write on the transactional ids': {
    ...right('TRANSACTIONAL_ID', 'WRITE'),
    says: /lacks a right.*Transactional Id authorization failed/,
  },
  "a certificate of Redis's by another authority": {
    settings: () => ({ REDIS_TLS_CA_FILE: secured.otherCaFile }),
    says: /certificate.*REDIS_TLS_CA_FILE/,
  },
  'TLS for Redis': { settings: () => ({ REDIS_TLS: 'off', REDIS_TLS_CA_FILE: '' }), says: /Redis is away.*REDIS_TLS/ },
  'the right password for Redis': {
    settings: () => ({ REDIS_PASSWORD: 'wrong' }),
    says: /check REDIS_USERNAME and REDIS_PASSWORD/,
  },
  'the right to select a database in Redis': {
    settings: () => ({ REDIS_DB: '3' }),
    redis: (rule) => rule === '+select',
    says: /Redis is away.*REDIS_DB=3 cannot be selected.*\+select, see ops\/least-rights/,
    database: true,
  },
  'the database in Redis': {
    settings: () => ({ REDIS_DB: '99' }),
    says: /Redis is away.*REDIS_DB=99 cannot be selected.*out of range/,
    database: true,
  },
  'the right to run scripts in Redis': {
    redis: (rule) => rule.startsWith('+eval'),
    says: /NOPERM: the user's ACL forbids it/,
  },
  'the right to the keys in Redis': {
    redis: (rule) => rule.startsWith('~'),
    says: /NOPERM: the user's ACL forbids it/,
  },
}
const names = Object.keys(LACKS)

async function keysIn(prefix: string): Promise<string[]> {
  const [, keys] = await world.redis.scan('0', 'MATCH', `${prefix}*`, 'COUNT', 10_000)
  return keys
}

beforeAll(async () => {
  secured = await startSecured(names.map((_, index) => `user${index}`))
}, 180_000)
afterAll(() => secured.stop())
worldOfTheFile(() => worldOn(secured))
beforeAll(async () => {
  // Publish one outcome first: each later worker has a key prefix of its own, so it has to read the notifications back.
  await allow(world, { user: 'plain' })
  await world.send([request(1)])
  const worker = world.start(login(secured, 'plain'))
  await world.answered([1])
  await worker.end()
  await world.send([request(2)])
}, 180_000)

describe('without', () => {
  // Side by side, as each of them waits for most of its time; each has a group, a key prefix and users of its own.
  test.concurrent.each(names)('%s', async (name) => {
    const { settings, kafka, redis, says, ends, database } = LACKS[name] as Lack
    const user = `user${names.indexOf(name)}`
    const group = `${world.groupId}.${user}`
    const keyPrefix = `${world.keyPrefix}${user}:`
    await allow(world, { user, group, keyPrefix, withoutKafka: kafka, withoutRedis: redis })
    const own = { KAFKA_GROUP_ID: group, REDIS_KEY_PREFIX: keyPrefix }
    const worker = world.start({ ...login(secured, 'plain', user), ...own, ...settings?.() })
    const trouble = () => worker.lines.filter((line) => / (WARN|ERROR) |^\s+at |rror:/.test(line))
    await waitUntil(
      () => trouble().some((line) => says.test(line)),
      30_000,
      () => `it does not say ${says}, but\n${worker.lines.join('\n')}`,
    )
    // The worker tries again several times a second, or ends when it cannot wait for the repair.
    const waits = new Promise((resolve) => setTimeout(resolve, ends ? 30_000 : 3_000, 'waiting'))
    expect(await Promise.race([worker.exited, waits])).toBe(ends ? 1 : 'waiting')
    expect(trouble().filter((line) => /^\s+at /.test(line))).toEqual([])
    const byLine = Map.groupBy(trouble(), (line) => line.replace(/^.*?\] /, ''))
    expect([...byLine].filter(([, lines]) => lines.length > 1)).toEqual([])
    expect(trouble().slice(5)).toEqual([])
    expect(worker.lines.join('\n')).not.toContain(PASSWORD)
    expect(database === true ? await keysIn(keyPrefix) : []).toEqual([])
    await worker.end('SIGKILL')
  })
})
