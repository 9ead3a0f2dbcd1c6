/** A broker and a Redis that require TLS, a login, and a right for each operation. */
import { readFileSync } from 'node:fs'
import { mkdtemp, readFile, rm, writeFile } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import type { AclEntry } from 'kafkajs'
import kafkajs from 'kafkajs'
import { makeCertificate } from './certificate.ts'
import { startLocalKafka, startLocalRedis } from './services.ts'
import type { World } from './world.ts'
import type { OwnWorldOptions } from './worlds.ts'

const { AclOperationTypes, AclPermissionTypes, AclResourceTypes, ResourcePatternTypes } = kafkajs

/** SASL mechanism, and the user that logs in by it. */
export const MECHANISMS = {
  plain: 'PLAIN',
  'scram-sha-256': 'SCRAM-SHA-256',
  'scram-sha-512': 'SCRAM-SHA-512',
} as const
export type Mechanism = keyof typeof MECHANISMS
export const PASSWORD = 'right-password'
const RIGHTS = join(import.meta.dirname, '../../ops/least-rights.md')

export type Secured = Awaited<ReturnType<typeof startSecured>>

/**
 * Starts a broker and a Redis. Kafka's users are named after the mechanisms and have no rights until some are granted.
 * @param plainUsers more users for PLAIN
 */
export async function startSecured(plainUsers: readonly string[] = []) {
  const dir = await mkdtemp(join(tmpdir(), 'secured-'))
  const file = (name: string) => join(dir, name)
  for (const name of ['right', 'other']) {
    const { key, cert } = makeCertificate(['localhost'])
    await writeFile(file(`${name}.crt`), cert)
    await writeFile(file(`${name}.key`), key)
    await writeFile(file(`${name}.pem`), key + cert)
  }
  const users = ['plain', ...plainUsers].map((user) => `user_${user}="${PASSWORD}"`).join(' ')
  const [kafka, redis] = await Promise.all([
    startLocalKafka({
      properties: {
        'listener.security.protocol.map': 'CLIENT:SASL_SSL,INTERNAL:PLAINTEXT,CONTROLLER:PLAINTEXT',
        'listener.name.client.sasl.enabled.mechanisms': Object.values(MECHANISMS).join(','),
        'listener.name.client.plain.sasl.jaas.config': `org.apache.kafka.common.security.plain.PlainLoginModule required ${users};`,
        ...Object.fromEntries(
          (['scram-sha-256', 'scram-sha-512'] as const).map((mechanism) => [
            `listener.name.client.${mechanism}.sasl.jaas.config`,
            'org.apache.kafka.common.security.scram.ScramLoginModule required;',
          ]),
        ),
        'ssl.keystore.type': 'PEM',
        'ssl.keystore.location': file('right.pem'),
        'authorizer.class.name': 'org.apache.kafka.metadata.authorizer.StandardAuthorizer',
        'super.users': 'User:ANONYMOUS',
      },
      scramUsers: (['scram-sha-256', 'scram-sha-512'] as const).map((name) => ({
        name,
        password: PASSWORD,
        mechanism: MECHANISMS[name],
      })),
    }),
    startLocalRedis({
      tls: { certFile: file('right.crt'), keyFile: file('right.key'), caFile: file('right.crt') },
      args: ['--requirepass', PASSWORD, '--maxmemory-policy', 'noeviction'],
    }),
  ])
  return {
    kafka,
    redis,
    /** The file of the certificate authority that signed both, and one of another authority. */
    caFile: file('right.crt'),
    otherCaFile: file('other.crt'),
    async stop() {
      await Promise.all([kafka.stop(), redis.stop()])
      await rm(dir, { recursive: true })
    },
  }
}

/** @returns the options of a world that stands on both and may do everything */
export const worldOn = ({ kafka, redis, caFile }: Secured): OwnWorldOptions => ({
  kafkaBrokers: kafka.insideBrokers,
  redisUrl: `rediss://:${PASSWORD}@localhost:${redis.port}`,
  redisTls: { ca: readFileSync(caFile) },
})

/** The settings that reach both as this user; Redis's user has the same name. */
export function login(
  { kafka, redis, caFile }: Secured,
  mechanism: Mechanism,
  user: string = mechanism,
): Record<string, string> {
  return {
    KAFKA_BOOTSTRAP_SERVERS: kafka.brokers.join(','),
    KAFKA_TLS: 'on',
    KAFKA_TLS_CA_FILE: caFile,
    KAFKA_SASL_MECHANISM: mechanism,
    KAFKA_SASL_USERNAME: user,
    KAFKA_SASL_PASSWORD: PASSWORD,
    REDIS_HOST: 'localhost',
    REDIS_PORT: String(redis.port),
    REDIS_TLS: 'on',
    REDIS_TLS_CA_FILE: caFile,
    REDIS_USERNAME: user,
    REDIS_PASSWORD: PASSWORD,
  }
}

/** The fenced block of ops/least-rights.md after the heading: the documented rights are the tested ones. */
async function documented(heading: string): Promise<string[]> {
  const text = await readFile(RIGHTS, 'utf8')
  const block = new RegExp(`^## ${heading}\\n[^]*?\`\`\`\\n([^]*?)\`\`\``, 'm').exec(text)?.[1]
  if (block === undefined) throw new Error(`no block after "${heading}" in ops/least-rights.md`)
  return block.trim().split('\n')
}

const RESOURCES: Record<string, number> = {
  topic: AclResourceTypes.TOPIC,
  group: AclResourceTypes.GROUP,
  'transactional-id': AclResourceTypes.TRANSACTIONAL_ID,
}

/** A user's rights: the documented ones without those that `withoutKafka` and `withoutRedis` match. */
export interface Rights {
  user: string
  /** Instead of the world's. */
  group?: string
  keyPrefix?: string
  withoutKafka?: ((entry: AclEntry) => boolean) | undefined
  withoutRedis?: ((rule: string) => boolean) | undefined
  /** Adds the rights that the operator's commands need. */
  forCommands?: boolean
}

/** Gives a user of both the documented rights on the world's topics, group and keys. */
export async function allow(world: World, rights: Rights): Promise<void> {
  const { user, withoutKafka = () => false, withoutRedis = () => false, forCommands = false } = rights
  const { group = world.groupId, keyPrefix = world.keyPrefix } = rights
  const lines = await documented('Kafka')
  const redis = await documented('Redis')
  if (forCommands) {
    lines.push(...(await documented('Kafka, for the commands')))
    redis.push(...(await documented('Redis, for the commands')))
  }
  const acl = lines.flatMap((line) => aclEntries(line, user, (name) => renamed(name, world, group)))
  await world.admin.createAcls({ acl: acl.filter((entry) => !withoutKafka(entry)) })
  const rules = redis.flatMap((line) => line.replace('ACL SETUSER scoring', '').trim().split(/\s+/))
  const own = rules.map((rule) => rule.replace('PREFIX', keyPrefix).replace('PASSWORD', PASSWORD))
  await world.redis.call('ACL', 'SETUSER', user, 'reset', ...own.filter((rule) => !withoutRedis(rule)))
}

/** The documented name of a topic, group or transactional id, as the world has it. */
function renamed(name: string, { topics }: World, group: string): string {
  const names: Record<string, string> = {
    AI_handler: topics.requests,
    notifications: topics.notifications,
    uploading_data: topics.records,
    AI_handler_dead_letters: topics.deadLetters,
    AI_handler_dead_letters_replayed: `${topics.deadLetters}_replayed`,
  }
  return names[name] ?? name.replace('ai_handler', group)
}

/** @param line such as `topic AI_handler Read` or `group ai_handler* Read` (a prefix) */
function aclEntries(line: string, user: string, rename: (name: string) => string): AclEntry[] {
  const [kind = '', pattern = '', operations = ''] = line.split(/\s+/)
  const isPrefix = pattern.endsWith('*')
  return operations.split(',').map((operation) => ({
    principal: `User:${user}`,
    host: '*',
    permissionType: AclPermissionTypes.ALLOW,
    resourceType: RESOURCES[kind] as number,
    resourceName: rename(isPrefix ? pattern.slice(0, -1) : pattern),
    resourcePatternType: isPrefix ? ResourcePatternTypes.PREFIXED : ResourcePatternTypes.LITERAL,
    operation: AclOperationTypes[operation.toUpperCase() as keyof typeof AclOperationTypes] as number,
  }))
}
