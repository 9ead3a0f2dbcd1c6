import { execFile } from 'node:child_process'
import fs, {
  existsSync,
  lstatSync,
  mkdirSync,
  mkdtempSync,
  readdirSync,
  readFileSync,
  readlinkSync,
  renameSync,
  rmSync,
  symlinkSync,
  utimesSync,
  writeFileSync,
} from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { Writable } from 'node:stream'
import { promisify } from 'node:util'
import { afterEach, beforeEach, describe, expect, onTestFinished, test, vi } from 'vitest'
import type { Logger, LoggerOptions } from '../../src/logging/logger.ts'
import { createLogger } from '../../src/logging/logger.ts'
import { localDay } from '../../src/logging/today.ts'
import { waitUntil } from '../support/wait.ts'

let root: string
let dir: string
const open: Logger[] = []

beforeEach(() => {
  root = mkdtempSync(join(tmpdir(), 'logger-'))
  dir = join(root, 'logs')
})
afterEach(async () => {
  await Promise.all(open.splice(0).map((logger) => logger.close()))
  vi.useRealTimers()
  rmSync(root, { recursive: true, force: true })
})

interface Start extends Partial<LoggerOptions> {
  format?: 'text' | 'json'
  level?: 'error' | 'warn' | 'info' | 'debug'
  keepDays?: number
}

function start({ format = 'text', level = 'info', keepDays = 14, ...options }: Start = {}) {
  const printed: string[] = []
  const stdout = new Writable({
    write(chunk: Buffer, _encoding, done) {
      printed.push(chunk.toString())
      done()
    },
  })
  const logger = createLogger({ dir, level, format, keepDays }, { stdout, tickMs: 20, ...options })
  open.push(logger)
  return { logger, stdout, printed: () => printed.join('') }
}

const today = () => join(dir, 'auth_service.log')
const read = (path = today()) => (existsSync(path) ? readFileSync(path, 'utf8') : '')
const dated = (day: string) => join(dir, `auth_service-${day}.log`)

const until = (done: () => boolean, what: string) =>
  waitUntil(
    done,
    20_000,
    () => `${what}; the directory: ${existsSync(dir) ? readdirSync(dir).join(' ') : 'gone'}; today: ${read()}`,
  )
const written = (text: string) => until(() => read().includes(text), `"${text}" is not in today's log`)

/** Moves the clock, not the timers. */
function setTime(time: string): void {
  vi.useFakeTimers({ toFake: ['Date'], now: new Date(time) })
}

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
    ).toEqual([' id=0', ' id=1', ' id=49 repeated=48'])
    expect(lines.findLast((line) => line.includes('refuses'))).toContain('reason=OOM waitedMs=0 repeated=1')
  })
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

describe('a log directory that fails', () => {
  const warnings = (printed: string) => printed.split('\n').filter((line) => line.includes('cannot be written'))

  test('at the start is one warning, lines on stdout, and nothing lost once it works', async () => {
    writeFileSync(dir, 'a file in the place of the directory')
    const { logger, printed } = start()
    for (let number = 0; number < 300; number++) logger.info(`line ${number}.`)
    await until(() => printed().includes('line 299.'), 'not on stdout')
    await until(() => warnings(printed()).length > 0, 'no warning')
    rmSync(dir)
    await written('the log file is written again')
    for (let number = 0; number < 300; number++) expect(read()).toContain(`line ${number}.`)
    expect(warnings(printed())).toHaveLength(1)
  })

  test('by vanishing is made again, without a line lost', async () => {
    const { logger } = start()
    logger.info('before')
    await written('before')
    rmSync(dir, { recursive: true })
    logger.info('after')
    await written('after')
    expect(lstatSync(today()).isSymbolicLink()).toBe(true)
  })

  test('by vanishing is made again though nothing is written, and a missing link too', async () => {
    const { logger } = start()
    logger.info('before')
    await written('before')
    rmSync(dir, { recursive: true })
    await until(() => existsSync(today()), 'not made again')
    rmSync(today())
    await until(() => existsSync(today()), 'not linked again')
    expect(readlinkSync(today())).toBe(`auth_service-${localDay(new Date())}.log`)
  })

  test('by a file that somebody moved away is written into a new one', async () => {
    const { logger } = start()
    logger.info('before')
    await written('before')
    const path = dated(localDay(new Date()))
    renameSync(path, `${path}.moved`)
    logger.info('after')
    await written('after')
    expect(read(`${path}.moved`)).not.toContain('after')
  })

  test.runIf(existsSync('/dev/full'))(
    'by a full disk is one warning, and the lines come once there is room',
    async () => {
      mkdirSync(dir)
      const path = dated(localDay(new Date()))
      symlinkSync('/dev/full', path)
      const { logger, printed } = start()
      logger.info('on a full disk')
      await until(() => warnings(printed()).length > 0, 'no warning')
      expect(warnings(printed())[0]).toContain('ENOSPC')
      logger.info('still full')
      rmSync(path)
      await written('the log file is written again')
      expect(read()).toContain('on a full disk')
      expect(read()).toContain('still full')
      expect(warnings(printed())).toHaveLength(1)
    },
  )

  test('for ever ends no later for it', async () => {
    writeFileSync(dir, 'a file in the place of the directory')
    const { logger, printed } = start()
    logger.info('the last line')
    await logger.close()
    expect(printed()).toContain('the last line')
  })
})

test('a stdout that nobody reads any more leaves the file', async () => {
  const stdout = new Writable({ write: (_chunk, _encoding, done) => done(new Error('EPIPE')), autoDestroy: false })
  const { logger } = start({ stdout })
  logger.info('one')
  await written('stdout cannot be written reason=EPIPE')
  logger.info('two')
  await written('two')
  expect(read().match(/stdout cannot be written/g)).toHaveLength(1)
})
