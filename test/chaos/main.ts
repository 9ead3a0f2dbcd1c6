/** `npm run chaos -- --minutes N --seed S --brokers 1|3`: exits with 1 when anything was doubled, lost, or paid twice without a reason. */
import { randomInt } from 'node:crypto'
import { mkdtempSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { readOptions, refuse } from '../../tools/lib/options.ts'
import { describeReport, isClean } from '../support/audit.ts'
import { ownTemporary } from '../support/temporary.ts'
import { runChaos } from './run.ts'

const USAGE = `usage: npm run chaos -- [--minutes N] [--seed N] [--brokers 1|3]
  Kills, freezes and cuts off workers and services for so many minutes (1), and then audits what is in Kafka. The same seed
  gives the same faults.`

const values = readOptions(USAGE, {
  minutes: { type: 'string', default: '1' },
  brokers: { type: 'string', default: '1' },
  seed: { type: 'string', default: String(randomInt(1_000_000)) },
})
const [minutes, seed, brokers] = [Number(values.minutes), Number(values.seed), Number(values.brokers)]
if (!(minutes > 0)) refuse('--minutes must be a number above 0', USAGE)
if (!Number.isSafeInteger(seed)) refuse('--seed must be a whole number', USAGE)
if (brokers !== 1 && brokers !== 3) refuse('--brokers must be 1 or 3', USAGE)
/** Where the logs of a failed run stay. */
const kept = tmpdir()
process.once('exit', ownTemporary())
console.log(`seed ${seed}, ${minutes} min, ${brokers === 1 ? 'one broker' : 'three brokers'}`)
const { report, faults, logs } = await runChaos({ seed, minutes, brokers, say: (line) => console.log(line) })
console.log(`\nseed ${seed}\n${describeReport(report)}`)
for (const fault of faults) console.error(fault)
if (!isClean(report) || faults.length > 0) {
  const dir = mkdtempSync(join(kept, 'chaos-'))
  for (const { name, lines } of logs) writeFileSync(join(dir, `${name}.log`), `${lines.join('\n')}\n`)
  console.error(`the workers' logs: ${dir}`)
  process.exit(1)
}
// A timer for a frozen worker may still be pending.
process.exit(0)
