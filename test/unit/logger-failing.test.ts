/** What the logger does when its directory or its output fails. */
import { existsSync, lstatSync, mkdirSync, readlinkSync, renameSync, rmSync, symlinkSync, writeFileSync } from 'node:fs'
import { Writable } from 'node:stream'
import { describe, expect, test } from 'vitest'
import { localDay } from '../../src/logging/today.ts'
import { dir, start, today, read, dated, until, written } from '../support/logs.ts'

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
