/** A process of its own for logger.test.ts: writes so many lines into a directory that it shares. */
import { Writable } from 'node:stream'
import { createLogger } from '../../src/logging/logger.ts'

const [dir = '', worker = '', lines = '0'] = process.argv.slice(2)
const stdout = new Writable({ write: (_chunk, _encoding, done) => done() })
const logger = createLogger({ dir, level: 'info', format: 'json', keepDays: 14 }, { stdout, worker })
for (let number = 0; number < Number(lines); number++) {
  logger.info('one of many', { number, padding: 'x'.repeat(number % 700) })
  if (number % 50 === 0) await new Promise(setImmediate)
}
await logger.close()
