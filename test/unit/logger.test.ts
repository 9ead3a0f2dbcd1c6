/** Lines of the log, and today's file. */
import { execFile } from 'node:child_process'
import fs, { existsSync, lstatSync, mkdirSync, readdirSync, readlinkSync, utimesSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { setTimeout as sleep } from 'node:timers/promises'
import { promisify } from 'node:util'
import { describe, expect, onTestFinished, test, vi } from 'vitest'
import { createRepeats } from '../../src/logging/repeats.ts'
import { localDay } from '../../src/logging/today.ts'
import { dir, start, today, read, dated, until, written, setTime } from '../support/logs.ts'

describe('lines', () => {
  test('are the same on stdout and in the file', async () => {
    const { logger, printed } = start({ worker: 'w1' })
    logger.info('started', { brokers: 'a:1,b:2', offset: 9007199254740993n, group: 'two words' })
    logger.debug('not at this level')
    await logger.close()
    expect(read()).toBe(printed())
    expect(read()).toMatch(
      /^\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d\.\d{3}[+-]\d\d:\d\d INFO {2}\[w1\] started brokers=a:1,b:2 offset=9007199254740993 group="two words"\n$/,
    )
  })

  test('as JSON keep integers beyond 2^53, and no field takes the place of time, level or message', async () => {
    const { logger } = start({ format: 'json', worker: 'w1' })
    logger.info('started', { id: 9223372036854775807n, message: 'mine', level: 'mine', none: null })
    await logger.close()
    expect(read()).toContain('"id":9223372036854775807')
    expect(JSON.parse(read())).toMatchObject({ level: 'info', worker: 'w1', message: 'started' })
    expect(read()).not.toContain('none')
  })

  test.each(['text', 'json'] as const)(
    'hold data with ends of lines and escape codes as one line (%s)',
    async (format) => {
      const { logger } = start({ format })
      logger.error('first\nsecond', { reason: 'a\r\nb\u2028c\u0085d\u001b[31m', bare: 'x\u2029y' })
      await logger.close()
      expect(read().split(/[\n\r\u2028\u2029\u0085]/)).toHaveLength(2)
      expect(read()).not.toContain('\u001b')
    },
  )

  test.each(['text', 'json'] as const)('show no secret, no query and no endless text (%s)', async (format) => {
    const secrets = ['p"ss word', 'kafka/secret']
    const { logger } = start({ format, secrets: () => secrets })
    logger.error('login with p"ss word refused', {
      reason: 'redis://user:hunter2@host:1 at https://caller.example/cb?token=t0ken said Bearer abc.def-123',
      key: 'Incorrect API key provided: sk-proj-abcdefgh',
      encoded: 'kafka%2Fsecret and kafka/secret',
    })
    secrets.push('rotated in')
    logger.error('now', { reason: `with rotated in ${'y'.repeat(50_000)}` })
    await logger.close()
    for (const secret of ['ss word', 'hunter2', 't0ken', 'abc.def', 'proj-abc', 'fka/sec', 'fka%2F', 'rotated in']) {
      expect(read()).not.toContain(secret)
    }
    expect(read()).toContain('https://caller.example/cb')
    expect(read().length).toBeLessThan(10_000)
  })

  test('that repeat a fault are counted; those of good news and of many ids are not lost', async () => {
    const { logger } = start({ repeats: { spanMs: 300, differing: 2 } })
    for (let time = 0; time < 50; time++) {
      logger.warn('Redis refuses', { reason: 'OOM', waitedMs: time })
      logger.warn('dead-lettered', { id: time })
      logger.info('finished', { id: time })
    }
    await written('Redis refuses reason=OOM waitedMs=0 repeated=49')
    logger.warn('Redis refuses', { reason: 'OOM' })
    await logger.close()
    const lines = read().split('\n')
    expect(lines.filter((line) => line.includes('finished'))).toHaveLength(50)
    expect(
      lines.filter((line) => line.includes('dead-lettered')).map((line) => line.slice(line.indexOf(' id='))),
    ).toEqual([' id=0', ' id=1', expect.stringMatching(/^ id=49 repeated=48 lastSecondsAgo=\d$/)])
    expect(lines.findLast((line) => line.includes('refuses'))).toContain('reason=OOM waitedMs=0 repeated=1')
  })
})

test('a summary of repeats tells how long ago the last one was: the fault may be over', () => {
  let nowMs = 0
  const { admits, summaries } = createRepeats({ spanMs: 60_000, differing: 2, clock: () => nowMs })
  const entry = { level: 'warn', message: 'Kafka does not answer', fields: {} } as const
  expect(admits(entry)).toBe(true)
  nowMs = 40_000
  expect(admits(entry)).toBe(false)
  nowMs = 60_000
  expect(summaries().map(({ fields }) => fields)).toEqual([{ repeated: 1, lastSecondsAgo: 20 }])
})

describe("today's log", () => {
  test("is the new day's at midnight, though nothing is written", async () => {
    setTime('2026-03-07T23:59:30')
    const { logger } = start()
    logger.info('the last one of Saturday')
    await written('Saturday')
    setTime('2026-03-08T00:00:01')
    await until(() => readlinkSync(today()) === 'auth_service-2026-03-08.log' && existsSync(today()), 'not rotated')
    expect(read()).toBe('')
    logger.info('the first one of Sunday')
    await written('Sunday')
    expect(read(dated('2026-03-07'))).toContain('Saturday')
    expect(read()).not.toContain('Saturday')
  })

  test("is the new day's with the first line after midnight", async () => {
    setTime('2026-03-07T23:59:59.999')
    const { logger } = start({ tickMs: 3_600_000 })
    logger.info('Saturday')
    await written('Saturday')
    setTime('2026-03-08T00:00:00')
    logger.info('Sunday')
    await written('Sunday')
    expect(readlinkSync(today())).toBe('auth_service-2026-03-08.log')
  })

  test('and those of LOG_KEEP_DAYS before it are kept, older ones removed, other files left alone', async () => {
    mkdirSync(dir)
    const days = ['2026-02-25', '2026-02-26', '2026-02-27', '2026-02-28']
    for (const day of days) writeFileSync(dated(day), 'old')
    for (const name of ['auth_service-2026-02-25.1.log', 'auth_service-2020-01-01.txt', 'other-2020-01-01.log']) {
      writeFileSync(join(dir, name), 'old')
    }
    setTime('2026-03-01T12:00:00')
    start({ keepDays: 2 })
    await until(() => !existsSync(dated('2026-02-26')) && !existsSync(dated('2026-02-25')), 'old logs are not removed')
    expect(readdirSync(dir).toSorted()).toEqual([
      'auth_service-2020-01-01.txt',
      'auth_service-2026-02-27.log',
      'auth_service-2026-02-28.log',
      'auth_service-2026-03-01.log',
      'auth_service.log',
      'other-2020-01-01.log',
    ])
  })

  test.each([500_000, Number.MAX_SAFE_INTEGER])('and all of them with LOG_KEEP_DAYS=%i', async (keepDays) => {
    mkdirSync(dir)
    writeFileSync(dated('2026-02-25'), 'old')
    writeFileSync(dated('2020-01-01'), 'very old')
    setTime('2026-03-01T12:00:00')
    const { logger } = start({ keepDays })
    logger.info('today')
    await written('today')
    await sleep(100)
    expect(readdirSync(dir).toSorted()).toEqual([
      'auth_service-2020-01-01.log',
      'auth_service-2026-02-25.log',
      'auth_service-2026-03-01.log',
      'auth_service.log',
    ])
  })

  test('replaces a plain file of another service by a link, and keeps what stands in it', async () => {
    mkdirSync(dir)
    writeFileSync(today(), "the predecessor's\n")
    utimesSync(today(), new Date('2026-02-20T12:00:00'), new Date('2026-02-20T12:00:00'))
    writeFileSync(dated('2026-02-20'), 'there already\n')
    setTime('2026-03-01T12:00:00')
    const { logger } = start()
    logger.info('ours')
    await written('ours')
    expect(lstatSync(today()).isSymbolicLink()).toBe(true)
    expect(read(dated('2026-02-20'))).toBe('there already\n')
    const kept = readdirSync(dir).filter((name) => /^auth_service-2026-02-20\.\d+\.log$/.test(name))
    expect(kept.map((name) => read(join(dir, name)))).toEqual(["the predecessor's\n"])
  })

  test('is a second file where links fail, begun anew each day', async () => {
    const symlink = vi.spyOn(fs, 'symlinkSync').mockImplementation(() => {
      throw new Error('EPERM: operation not permitted, symlink')
    })
    onTestFinished(() => symlink.mockRestore())
    const yesterday = new Date(Date.now() - 86_400_000)
    mkdirSync(dir)
    writeFileSync(today(), 'from yesterday\n')
    utimesSync(today(), yesterday, yesterday)
    const { logger, printed } = start()
    logger.info('one')
    await written('one')
    const [older = ''] = readdirSync(dir).filter((name) => name.includes(localDay(yesterday)))
    expect(read(join(dir, older))).toBe('from yesterday\n')
    expect(lstatSync(today()).isFile()).toBe(true)
    expect(read()).toBe(read(dated(localDay(new Date()))))
    expect(printed().match(/no links here/g)).toHaveLength(1)

    const tomorrow = new Date(Date.now() + 86_400_000)
    setTime(tomorrow.toISOString())
    await until(() => existsSync(dated(localDay(tomorrow))) && read() === '', 'the second file is not begun anew')
    logger.info('two')
    await written('two')
    expect(read()).not.toContain('one')
    expect(read(join(dir, older))).toBe('from yesterday\n')
  })

  test('loses no line of several processes that share the directory', async () => {
    const run = promisify(execFile)
    const writer = join(import.meta.dirname, 'logger-writer.ts')
    const [workers, each] = [['a', 'b', 'c'], 1_500]
    await Promise.all(workers.map((worker) => run(process.execPath, [writer, dir, worker, String(each)])))
    const lines = read().trimEnd().split('\n')
    const entries = lines.map((line) => JSON.parse(line) as { worker: string; number: number })
    const seen = new Set(entries.map(({ worker, number }) => `${worker}${number}`))
    expect(entries).toHaveLength(workers.length * each)
    expect(seen.size).toBe(workers.length * each)
  })
})
