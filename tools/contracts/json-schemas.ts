/** JSON Schemas of every message and its headers, made from the zod schemas that the worker itself uses. */
import { z } from 'zod'
import { decisionRecordSchema } from '../../src/scoring/decision-record.ts'
import {
  deadLetterHeadersSchema,
  failureHeadersSchema,
  failureSchema,
  INT64_MAX,
  INT64_MIN,
  notificationSchema,
  recordSchema,
  requestHeadersSchema,
  requestSchema,
  successHeadersSchema,
  successSchema,
} from '../../src/schemas.ts'

export type JsonSchema = Record<string, unknown>

const SOURCES = {
  request: [requestSchema, 'Request: topic AI_handler, key new_request'],
  'request-headers': [requestHeadersSchema, 'Headers of a request'],
  notification: [notificationSchema, 'Notification: topic notifications, key new_notifications'],
  success: [successSchema, 'Notification of a success'],
  failure: [failureSchema, 'Notification of a failure or a refusal'],
  'success-headers': [successHeadersSchema, 'Headers of a success: of its notification and of its processing record'],
  'failure-headers': [failureHeadersSchema, 'Headers of a failure or a refusal'],
  'processing-record': [recordSchema, 'Processing record: topic uploading_data, key new_processing'],
  'dead-letter-headers': [deadLetterHeadersSchema, 'Headers of a dead letter, beside those of the original message'],
  'decision-record': [decisionRecordSchema, 'Decision record: topic KAFKA_TOPIC_FOR_DECISIONS, off by default'],
} as const

export type SchemaName = keyof typeof SOURCES

/** @returns a draft-07 schema for each message and each set of headers */
export function jsonSchemas(): Record<SchemaName, JsonSchema> {
  const entries = Object.entries(SOURCES).map(([name, [schema, title]]) => {
    const made = z.toJSONSchema(schema, {
      io: 'input',
      target: 'draft-7',
      unrepresentable: 'any',
      override: showNumber,
    })
    return [name, { $schema: made.$schema, title, ...withInt64Limits(made) }]
  })
  return Object.fromEntries(entries) as Record<SchemaName, JsonSchema>
}

type Override = NonNullable<NonNullable<Parameters<typeof z.toJSONSchema>[1]>['override']>

/** lib/json.ts reads numbers as text, which zod sees as a custom type: shows each as the integer that it is. */
const showNumber: Override = ({ zodSchema, jsonSchema }) => {
  if (zodSchema._zod.def.type === 'custom') jsonSchema.type ??= 'integer'
}

/** Puts in the limits of 64-bit integers afterwards, because zod copies a schema through JSON, which has no bigint. */
function withInt64Limits(schema: unknown): JsonSchema {
  return mapObjects(schema, (object) =>
    object['format'] === 'int64' ? { ...object, minimum: INT64_MIN, maximum: INT64_MAX } : object,
  ) as JsonSchema
}

function mapObjects(value: unknown, change: (object: JsonSchema) => JsonSchema): unknown {
  if (Array.isArray(value)) return value.map((each) => mapObjects(each, change))
  if (typeof value !== 'object' || value === null) return value
  return change(Object.fromEntries(Object.entries(value).map(([name, each]) => [name, mapObjects(each, change)])))
}
