/** The AsyncAPI 3 document: topics, keys, messages and headers, and who sends what. */
import { FAILURES } from '../../src/errors.ts'
import { NOTIFICATION_KEY, RECORD_KEY, REQUEST_KEY } from '../../src/schemas.ts'
import type { JsonSchema, SchemaName } from './json-schemas.ts'
import type { SampleName } from './samples.ts'
import { sampleTexts } from './samples.ts'

/** The contract's version, not the worker's: additions raise the second number. */
const CONTRACT_VERSION = '1.0.0'
const KAFKA_BINDING = '0.5.0'

interface Message {
  title: string
  summary: string
  key: string | null
  payload: SchemaName | null
  headers: SchemaName
  examples: SampleName[]
}

const MESSAGES: Record<string, Message> = {
  request: {
    title: 'Request',
    summary: 'A resume to score against the requirements of a vacancy.',
    key: REQUEST_KEY,
    payload: 'request',
    headers: 'request-headers',
    examples: ['request'],
  },
  success: {
    title: 'Success',
    summary: 'The request was scored.',
    key: NOTIFICATION_KEY,
    payload: 'success',
    headers: 'success-headers',
    examples: ['success'],
  },
  failure: {
    title: 'Failure or refusal',
    summary:
      'With `wait_seconds`: refused for lack of budget, to be sent again, best under a new id. Without: failed, final for this id.',
    key: NOTIFICATION_KEY,
    payload: 'failure',
    headers: 'failure-headers',
    examples: ['refusal', 'failure'],
  },
  record: {
    title: 'Processing record',
    summary: 'The score for the database, committed in one Kafka transaction with its notification.',
    key: RECORD_KEY,
    payload: 'processing-record',
    headers: 'success-headers',
    examples: ['record'],
  },
  deadLetter: {
    title: 'Dead letter',
    summary: 'A message that cannot be answered: its key, value and headers as they came, and why in further headers.',
    key: null,
    payload: null,
    headers: 'dead-letter-headers',
    examples: [],
  },
  decision: {
    title: 'Decision record',
    summary: 'Why a score is what it is. It quotes the resume, so this topic exists only where the operator names it.',
    key: null,
    payload: 'decision-record',
    headers: 'success-headers',
    examples: [],
  },
}

const CHANNELS = [
  ['requests', 'AI_handler', 'KAFKA_TOPIC_FOR_AI_HANDLER', ['request'], 'receive'],
  ['notifications', 'notifications', 'KAFKA_TOPIC_FOR_NOTIFICATIONS', ['success', 'failure'], 'send'],
  ['uploadingData', 'uploading_data', 'KAFKA_TOPIC_FOR_UPLOADING_DATA', ['record'], 'send'],
  ['deadLetters', 'AI_handler_dead_letters', 'KAFKA_TOPIC_FOR_DEAD_LETTERS', ['deadLetter'], 'send'],
  ['decisions', null, 'KAFKA_TOPIC_FOR_DECISIONS', ['decision'], 'send'],
] as const

const failureTexts = [...new Set(Object.values(FAILURES).map(({ message }) => message))]

const DESCRIPTION = [
  'A worker consumes `AI_handler`, scores each resume and publishes one outcome for each `processing_id`.',
  'Outcomes are written in Kafka transactions: consumers must read committed (`isolation.level=read_committed`).',
  'Values are UTF-8 JSON. Ids are signed 64-bit integers: use a JSON parser that keeps them.',
  'Unknown fields and headers may appear and must be ignored.',
  `\`message_error\` of a failure is one of these sentences, or names the wrong field or the wait: ${failureTexts.map((text) => `«${text}»`).join(' ')}`,
].join('\n\n')

/** @param schemas of `jsonSchemas` @returns the document; limits of ids are bigints */
export function asyncApi(schemas: Record<SchemaName, JsonSchema>): JsonSchema {
  return {
    asyncapi: '3.0.0',
    info: {
      title: 'resume-scoring-worker',
      version: CONTRACT_VERSION,
      description: DESCRIPTION,
      license: { name: 'MIT' },
    },
    defaultContentType: 'application/json',
    channels: Object.fromEntries(CHANNELS.map((channel) => [channel[0], channelOf(channel)])),
    operations: Object.fromEntries(
      CHANNELS.map(([name, , , , action]) => [
        `${action}${capital(name)}`,
        { action, channel: { $ref: `#/channels/${name}` } },
      ]),
    ),
    components: {
      messages: Object.fromEntries(Object.entries(MESSAGES).map(([name, message]) => [name, messageOf(name, message)])),
      schemas: Object.fromEntries(Object.entries(schemas).map(([name, schema]) => [name, withoutDialect(schema)])),
    },
  }
}

/** Drops `$schema`, because the document itself names the dialect of its schemas. */
const withoutDialect = (schema: JsonSchema) =>
  Object.fromEntries(Object.entries(schema).filter(([name]) => name !== '$schema'))

const capital = (name: string) => name.slice(0, 1).toUpperCase() + name.slice(1)

function channelOf([, address, setting, names]: (typeof CHANNELS)[number]): JsonSchema {
  return {
    address,
    description: `Named by ${setting}${address === null ? ', off by default' : ''}.`,
    messages: Object.fromEntries(names.map((name) => [name, { $ref: `#/components/messages/${name}` }])),
  }
}

function messageOf(name: string, { title, summary, key, payload, headers, examples }: Message): JsonSchema {
  const schema = (of: SchemaName) => ({ $ref: `#/components/schemas/${of}` })
  return {
    name,
    title,
    summary,
    ...(payload === null ? {} : { payload: schema(payload) }),
    headers: schema(headers),
    bindings: {
      kafka: { ...(key === null ? {} : { key: { type: 'string', enum: [key] } }), bindingVersion: KAFKA_BINDING },
    },
    ...(examples.length === 0
      ? {}
      : { examples: examples.map((each) => ({ name: each, payload: JSON.parse(sampleTexts[each]) as unknown })) }),
  }
}
