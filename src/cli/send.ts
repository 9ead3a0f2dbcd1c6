/** `send`: publishes one request, waits for its notification and shows it. */
import { randomBytes } from 'node:crypto'
import type { Config } from '../config.ts'
import { NOTIFICATION_KEY, REQUEST_KEY } from '../contracts.ts'
import { stringifyExact } from '../lib/json.ts'
import type { KafkaClients } from '../kafka/clients.ts'
import { waitForMessage } from '../kafka/follower.ts'
import { kafkaErrorType } from '../kafka/kafka-error.ts'
import type { ReadBack } from '../kafka/outcomes-reader.ts'
import { readWatermarks } from '../kafka/start-offset.ts'
import type { Command } from './define.ts'
import { lastReason, withKafka } from './connections.ts'
import { processingIdIn, readFields, scoringHeaders } from './copies.ts'
import type { Report } from './define.ts'
import { defineCommand, readCount, readId, UsageError } from './define.ts'
import { readDocument, STDIN } from './documents.ts'
import { EXIT } from './exit-codes.ts'
import { tellStanding } from './send-progress.ts'
import { duration } from '../lib/text.ts'

/** Of the top-level domain that never resolves: whoever calls back calls nobody. */
const NO_CALLBACK = 'https://resume-scoring-worker-send.invalid/'

interface Request extends Record<string, unknown> {
  processing_id: bigint
}

export const run: Command = defineCommand(
  {
    usage: [
      'resume-scoring-worker send --resume FILE --requirements FILE [options]',
      '  Publishes one request and waits for its result. Exit code 0: scored; 2: answered with a failure; 3: nothing came.',
      '  FILE is a text (.txt, .md; UTF-8, UTF-16, Windows-1251), .pdf or .docx; - is standard input.',
      '  --timeout SECONDS       wait so long for the result (default 120)',
      '  --callback-url URL      default: one that leads nowhere',
      '  --processing-id ID, --user-id ID, --resume-id ID, --requirements-id ID  default: made up',
    ],
    example: 'send -- --resume resume.txt --requirements vacancy.txt',
    required: { resume: 'FILE', requirements: 'FILE' },
    options: {
      resume: { type: 'string' },
      requirements: { type: 'string' },
      timeout: { type: 'string', default: '120' },
      'callback-url': { type: 'string', default: NO_CALLBACK },
      'processing-id': { type: 'string' },
      'user-id': { type: 'string' },
      'resume-id': { type: 'string' },
      'requirements-id': { type: 'string' },
    },
  },
  async ({ values, config, signal, progress }) => {
    const timeoutMs = readCount('--timeout', values.timeout) * 1_000
    const idOf = (name: 'processing-id' | 'user-id' | 'resume-id' | 'requirements-id') => {
      const given = values[name]
      return given === undefined ? newId() : readId(`--${name}`, given)
    }
    const request: Request = {
      callback_url: values['callback-url'],
      processing_id: idOf('processing-id'),
      user_id: idOf('user-id'),
      resume_id: idOf('resume-id'),
      requirements_id: idOf('requirements-id'),
      ...(await readTexts(values)),
    }
    return withKafka(config.kafka, (clients) => ask(clients, config, { request, timeoutMs, signal, progress }))
  },
)

/** @returns a positive 63-bit number that nobody else has */
const newId = () => (randomBytes(8).readBigUInt64BE() >> 1n) | 1n

/** Both cannot come from standard input. @throws UsageError; Error with a sentence about a file that cannot be read */
export async function readTexts({
  resume,
  requirements,
}: {
  resume?: string | undefined
  requirements?: string | undefined
}) {
  if (requirements === undefined) throw new UsageError('Missing --requirements FILE')
  if (resume === undefined) throw new UsageError('Missing --resume FILE')
  if (resume === STDIN && requirements === STDIN)
    throw new UsageError('Only one of the files can be standard input (-)')
  return {
    requirements: await readDocument('--requirements', requirements),
    resume: await readDocument('--resume', resume),
  }
}

interface Asking {
  request: Request
  timeoutMs: number
  signal: AbortSignal
  progress: (line: string) => void
}

async function ask(clients: KafkaClients, config: Config, asking: Asking): Promise<Report> {
  const { topics, groupId } = config.kafka
  const { request, timeoutMs, signal, progress } = asking
  const id = request.processing_id
  await endsOf(clients, topics.requests, 'KAFKA_TOPIC_FOR_AI_HANDLER')
  // Before sending, so that no answer is too early to be seen.
  const from = await endsOf(clients, topics.notifications, 'KAFKA_TOPIC_FOR_NOTIFICATIONS')
  const startedMs = performance.now()
  const place = await publish(clients, topics.requests, groupId, request)
  progress(`sent ${id} to ${topics.requests}; waiting for its result in ${topics.notifications}`)
  const onStop = () => progress(`it goes on without this command; where it stands: npm run inspect -- ${id}`)
  signal.addEventListener('abort', onStop, { once: true })
  const timeout = AbortSignal.timeout(timeoutMs)
  const answered = new AbortController()
  void tellStanding(clients, config, { id, ...place }, AbortSignal.any([signal, timeout, answered.signal]), progress)
  try {
    const notification = await waitForMessage({
      clients,
      topic: topics.notifications,
      groupPrefix: groupId,
      from,
      pick: (message) => (isNotificationOf(message, id) ? message : null),
      signal: AbortSignal.any([signal, timeout]),
      log: lastReason(),
    })
    return report(id, notification, performance.now() - startedMs)
  } catch (error) {
    if (signal.aborted || !timeout.aborted) throw error
    const line = `nothing came within ${duration(timeoutMs)}; where it stands: npm run inspect -- ${id}`
    const document = { processingId: id, outcome: 'none', notification: null, headers: {}, tookMs: timeoutMs }
    return { document, lines: [line], exitCode: EXIT.nothing }
  } finally {
    answered.abort(new Error('the request is answered'))
    signal.removeEventListener('abort', onStop)
  }
}

/** @throws Error that names the topic when it is not there */
async function endsOf(clients: KafkaClients, topic: string, setting: string): Promise<Map<number, bigint>> {
  try {
    const watermarks = await readWatermarks(clients, topic)
    return new Map([...watermarks].map(([partition, { high }]) => [partition, high]))
  } catch (error) {
    if (kafkaErrorType(error) !== 'UNKNOWN_TOPIC_OR_PARTITION') throw error
    throw new Error(`the topic ${topic} is not there: start a worker, which creates it, or check ${setting}`, {
      cause: error,
    })
  }
}

/** @returns where it stands in the topic */
async function publish(clients: KafkaClients, topic: string, group: string, request: Request) {
  // Without a transaction, whose marker would stand in the backlog for ever; sent twice, it is a duplicate.
  const producer = clients.producer(`${group}.send`)
  try {
    await producer.connect()
    const [sent] = await producer.send({ topic, messages: [{ key: REQUEST_KEY, value: stringifyExact(request) }] })
    return { partition: sent?.partition ?? 0, offset: BigInt(sent?.baseOffset ?? 0) }
  } finally {
    clients.discard(producer)
  }
}

const isNotificationOf = ({ key, value }: ReadBack, id: bigint) =>
  key?.toString() === NOTIFICATION_KEY && processingIdIn(value) === id

function report(id: bigint, message: ReadBack, tookMs: number): Report {
  const notification = readFields(message.value) ?? {}
  const headers = scoringHeaders(message)
  const { success, response, message_error: error, wait_seconds: wait } = notification
  const outcome = success === true ? 'success' : wait === null ? 'failure' : 'refused'
  const facts = Object.entries(headers).map(([name, value]) => `${name.slice('scoring-'.length)} ${value}`)
  const effort = `took ${duration(tookMs)}${facts.length === 0 ? '' : `; ${facts.join(', ')}`}`
  return {
    document: { processingId: id, outcome, notification, headers, tookMs: Math.round(tookMs) },
    lines: [...(outcome === 'success' ? scoreLines(response) : [`${outcome}: ${String(error)}`]), effort],
    exitCode: outcome === 'success' ? 0 : EXIT.answeredWithFailure,
  }
}

function scoreLines(response: unknown): string[] {
  const { score, verdict, matches, recommendation } = response as Record<string, unknown>
  const found = Array.isArray(matches) && matches.length > 0 ? matches.map((match) => `  ${String(match)}`) : ['  none']
  return [
    `${String(score)} of 100: ${String(verdict)}`,
    'matches:',
    ...found,
    `recommendation: ${String(recommendation)}`,
  ]
}
