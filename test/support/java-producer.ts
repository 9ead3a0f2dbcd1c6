/** Kafka's own client as a producer, because most producers use it, and it sends other bytes than kafkajs. */
import { execFile } from 'node:child_process'
import { mkdtemp, rm, writeFile } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { fileURLToPath } from 'node:url'
import { promisify } from 'node:util'
import { cacheDir, kafkaJars } from '../../tools/services/download.ts'
import { KAFKA_VERSION } from '../../tools/services/local-kafka.ts'

const run = promisify(execFile)
const SOURCE = fileURLToPath(new URL('JavaProducer.java', import.meta.url))
const LIMIT_MS = 120_000

export type Compression = 'none' | 'gzip' | 'snappy' | 'lz4' | 'zstd'

export interface JavaRecord {
  topic: string
  /** `none` by default. */
  compression?: Compression
  value: string | Buffer
  key?: string
  partition?: number
  /** Sent as it is, in whatever unit; the client's own time when it is missing. */
  timestamp?: string
  headers?: (readonly [string, string])[]
}

/**
 * Sends the records in their order; those of one compression that stand together in one batch per partition, where 900 KB hold them before
 * they are packed.
 */
export async function sendWithJava(brokers: string[], records: readonly JavaRecord[]): Promise<void> {
  const dir = await mkdtemp(join(tmpdir(), 'java-producer-'))
  try {
    const signal = AbortSignal.timeout(LIMIT_MS)
    const jars = await kafkaJars(KAFKA_VERSION, { cacheDir: cacheDir(process.env), say: () => {}, signal })
    const file = join(dir, 'records')
    await writeFile(file, records.map(lineOf).join('\n'))
    const java = ['-Xmx256m', '-XX:+UseSerialGC', '-XX:TieredStopAtLevel=1', '-cp', `${jars}/*`]
    await run('java', [...java, SOURCE, brokers.join(','), file], { signal })
  } finally {
    await rm(dir, { recursive: true })
  }
}

function lineOf({ topic, compression = 'none', value, ...record }: JavaRecord): string {
  const { key = 'new_request', partition = 0, timestamp = '-', headers = [] } = record
  const base64 = (text: string | Buffer) => Buffer.from(text as string).toString('base64')
  return [compression, topic, `${partition}`, timestamp, ...[key, value, ...headers.flat()].map(base64)].join(' ')
}
