/** `send`: publishes one request or several, waits for their notifications and shows them. */
import { stat } from 'node:fs/promises'
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
import { outcomeOf, processingIdIn, readFields, scoringHeaders } from './copies.ts'
import type { Report } from './define.ts'
import { defineCommand, readId, readSeconds, UsageError } from './define.ts'
import { readDocument } from './documents.ts'
import { EXIT } from './exit-codes.ts'
import { STDIN } from './input.ts'
import type { Request } from './send-entries.ts'
import { newId, NO_CALLBACK, readEntries } from './send-entries.ts'
import { sendMany } from './send-many.ts'
import type { Sent } from './send-progress.ts'
import { tellStanding, wordsOfOne } from './send-progress.ts'
import { duration } from '../lib/text.ts'

export const run: Command = defineCommand(
  {
    usage: [
      'resume-scoring-worker send --resume FILE|DIRECTORY... --requirements FILE [options]',
      '       resume-scoring-worker send --requests FILE.jsonl... [--requirements FILE] [options]',
      '  Publishes requests and waits for their results. FILE is a text (.txt, .md; UTF-8, UTF-16, Windows-1251), .pdf or .docx;',
      '  - is standard input. Each line of a .jsonl file is a request: resume, requirements, and ids unless they may be made up.',
      '  Exit code 0: all are scored; 1: an entry cannot be sent; 2: one was answered with a failure; 3: no result came.',
      '  --resume, --requests    may be given several times',
      '  --timeout SECONDS       wait so long for the result (default 120); of several, for the next one',
      '  --callback-url URL      default: one that leads nowhere',
      '  --processing-id ID, --user-id ID, --resume-id ID, --requirements-id ID  default: made up',
    ],
    example: 'send -- --resume resume.txt --requirements vacancy.txt',
    options: {
      resume: { type: 'string', multiple: true },
      requests: { type: 'string', multiple: true },
      requirements: { type: 'string' },
      timeout: { type: 'string', default: '120' },
      'callback-url': { type: 'string', default: NO_CALLBACK },
      'processing-id': { type: 'string' },
      'user-id': { type: 'string' },
      'resume-id': { type: 'string' },
      'requirements-id': { type: 'string' },
    },
  },
  async ({ values, config, signal, progress, complain }) => {
    const timeoutMs = readSeconds('--timeout', values.timeout)
    const { resume: resumes = [], requests = [], 'callback-url': callbackUrl } = values
    refuseMissing(resumes, requests, values.requirements)
    const only = resumes[0] ?? ''
    if (requests.length > 0 || resumes.length > 1 || (await isDirectory(only))) {
      if (IDS.some((name) => values[name] !== undefined))
        throw new UsageError('Ids are for one request: several have their own in a .jsonl file')
      const { requirements } = values
      const texts = requirements === undefined ? null : await readDocument('--requirements', requirements)
      const found = await readEntries({ resumes, requirements: texts, requests, callbackUrl })
      return withKafka(config.kafka, complain, async (clients, outlast) => {
        const { topics, groupId } = config.kafka
        await endsOf(clients, topics.requests, 'KAFKA_TOPIC_FOR_AI_HANDLER')
        const from = await endsOf(clients, topics.notifications, 'KAFKA_TOPIC_FOR_NOTIFICATIONS')
        const send = async (all: Request[]) => {
          const sent = await publish(clients, topics.requests, groupId, all)
          outlast()
          return sent
        }
        return await sendMany(clients, config, { ...found, timeoutMs, signal, progress, from, publish: send })
      })
    }
    const idOf = (name: (typeof IDS)[number]) => {
      const given = values[name]
      return given === undefined ? newId() : readId(`--${name}`, given)
    }
    const request: Request = {
      callback_url: callbackUrl,
      processing_id: idOf('processing-id'),
      user_id: idOf('user-id'),
      resume_id: idOf('resume-id'),
      requirements_id: idOf('requirements-id'),
      ...(await readTexts({ resume: only, requirements: values.requirements })),
    }
    const asking = { request, timeoutMs, signal, progress }
    return withKafka(config.kafka, complain, (clients, onSent) => ask(clients, config, { ...asking, onSent }))
  },
)

const IDS = ['processing-id', 'user-id', 'resume-id', 'requirements-id'] as const

/** @throws UsageError that names every missing option, or says that standard input is used twice */
function refuseMissing(resumes: string[], requests: string[], requirements: string | undefined): void {
  const missing = [
    ...(resumes.length === 0 && requests.length === 0 ? ['--resume FILE'] : []),
    ...(requirements === undefined && (resumes.length > 0 || requests.length === 0) ? ['--requirements FILE'] : []),
  ]
  if (missing.length > 0) throw new UsageError(`Missing ${missing.join(', ')}`)
  if ([...resumes, ...requests, requirements].filter((path) => path === STDIN).length > 1)
    throw new UsageError('Only one of the files can be standard input (-)')
}

const isDirectory = (path: string) =>
  stat(path).then(
    (found) => found.isDirectory(),
    () => false,
  )

/** Reads resume and requirements. @throws UsageError when one is missing or both are standard input; Error when a file cannot be read */
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

/** Requests in one call to Kafka: few enough that long texts stay below the broker's limit of 1 MB. */
const AT_ONCE = 10

interface Asking {
  request: Request
  timeoutMs: number
  signal: AbortSignal
  progress: (line: string) => void
  /** Called once the request is sent: from then on the command waits for the result even while Kafka is silent. */
  onSent: () => void
}

async function ask(clients: KafkaClients, config: Config, asking: Asking): Promise<Report> {
  const { topics, groupId } = config.kafka
  const { request, timeoutMs, signal, progress, onSent } = asking
  const id = request.processing_id
  await endsOf(clients, topics.requests, 'KAFKA_TOPIC_FOR_AI_HANDLER')
  // Read the ends before sending, so that no answer comes too early to be seen.
  const from = await endsOf(clients, topics.notifications, 'KAFKA_TOPIC_FOR_NOTIFICATIONS')
  const startedMs = performance.now()
  const sent = await publish(clients, topics.requests, groupId, [request])
  onSent()
  progress(`sent ${id} to ${topics.requests}; waiting for its result in ${topics.notifications}`)
  const onStop = () => progress(`it goes on without this command; where it stands: npm run inspect -- ${id}`)
  signal.addEventListener('abort', onStop, { once: true })
  const timeout = AbortSignal.timeout(timeoutMs)
  const answered = new AbortController()
  const ended = AbortSignal.any([signal, timeout, answered.signal])
  void tellStanding({ clients, config, awaited: () => sent, words: wordsOfOne(id), signal: ended, progress })
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

/** @returns the end offset of each partition @throws Error that names a missing topic */
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

/** @returns where each request stands in the topic, in their order */
async function publish(clients: KafkaClients, topic: string, group: string, requests: Request[]): Promise<Sent[]> {
  // Not in a transaction, whose marker would count as backlog for ever. A request that is sent twice is only a duplicate.
  const producer = clients.producer(`${group}.send`)
  try {
    await producer.connect()
    const sent: Sent[] = []
    for (let at = 0; at < requests.length; at += AT_ONCE) {
      const some = requests.slice(at, at + AT_ONCE)
      const messages = some.map((request) => ({ key: REQUEST_KEY, value: stringifyExact(request) }))
      // One key, so all of them go to one partition, in their order.
      const [record] = await producer.send({ topic, messages })
      const [partition, base] = [record?.partition ?? 0, BigInt(record?.baseOffset ?? 0)]
      sent.push(...some.map(({ processing_id: id }, index) => ({ id, partition, offset: base + BigInt(index) })))
    }
    return sent
  } finally {
    clients.discard(producer)
  }
}

const isNotificationOf = ({ key, value }: ReadBack, id: bigint) =>
  key?.toString() === NOTIFICATION_KEY && processingIdIn(value) === id

function report(id: bigint, message: ReadBack, tookMs: number): Report {
  const notification = readFields(message.value) ?? {}
  const headers = scoringHeaders(message)
  const { response, message_error: error } = notification
  const outcome = outcomeOf(notification)
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
