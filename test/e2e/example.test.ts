/** `npm run example` as a stranger runs it: HTTP, Kafka, a worker, the callback and the database. */
import { execFile } from 'node:child_process'
import { promisify } from 'node:util'
import { mkdtemp, readdir, rm } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { expect, inject, onTestFinished, test } from 'vitest'

const MAIN = join(import.meta.dirname, '../../examples/loop/main.ts')
const RUN_LIMIT_MS = 180_000

test(
  'the example shows one request from HTTP to its callback and its row, and leaves nothing behind',
  async () => {
    const temporary = await mkdtemp(join(tmpdir(), 'example-tmp-'))
    onTestFinished(() => rm(temporary, { recursive: true, force: true }))
    const { hostname, port } = new URL(inject('redisUrl'))
    const env = {
      PATH: process.env['PATH'],
      TMPDIR: temporary,
      TEST_SERVICES: 'given',
      KAFKA_BOOTSTRAP_SERVERS: inject('kafkaBrokers').join(','),
      REDIS_HOST: hostname,
      REDIS_PORT: port,
    }
    const { stdout } = await promisify(execFile)(process.execPath, [MAIN], { env, timeout: RUN_LIMIT_MS })
    expect(stdout).toMatch(/POST \/requests +202 {2}processing_id \d+/)
    expect(stdout).toMatch(/accepted\n(.*\n)*.*scored\n(.*\n)*.*called back\n/)
    expect(stdout).toMatch(/callback received +status 200, score 100, signature verified/)
    expect(stdout).toMatch(/result +200 {2}score 100, Подходит; .*Kafka/)
    expect(stdout).toMatch(/SELECT \* FROM scores +score 100, Подходит/)
    expect(stdout).toContain('Everything that was started is stopped.')
    expect(await readdir(temporary)).toEqual([])
  },
  RUN_LIMIT_MS,
)
