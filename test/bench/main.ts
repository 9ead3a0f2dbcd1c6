/**
 * `npm run bench`: measures the worker beside the bare `openai` loop, and prints a table.
 * `npm run bench -- verification`: measures the verification of an answer alone.
 * `npm run bench -- budget [NAME [MINUTES]]`: measures the shared budget.
 */
import { parseArgs } from 'node:util'
import { ownTemporary } from '../support/temporary.ts'
import { budgetCost } from './budget/cost.ts'
import { evenSpacing, fairness, held } from './budget/watch.ts'
import { verificationCost } from './verification.ts'
import { bench } from './worker/main.ts'
import type { Scenario } from './worker/scenario.ts'
import { scenariosFor } from './worker/scenario.ts'

const BUDGET: Record<string, (say: (line: string) => void, minutes?: number) => Promise<void>> = {
  cost: budgetCost,
  'even-spacing': evenSpacing,
  fairness,
  held,
}
const USAGE = [
  'usage: npm run bench -- [--only PATTERN] [--messages N] [--json FILE]',
  '       npm run bench -- --short [--keep]',
  '       npm run bench -- --waiting N',
  '       npm run bench -- verification',
  `       npm run bench -- budget [${Object.keys(BUDGET).join(' | ')}] [MINUTES]`,
]

function fail(reason: string): never {
  for (const line of [reason, ...USAGE]) console.error(line)
  process.exit(64)
}

/** Ends with the usage when no scenario fits, before anything is started. */
function chosen(only: string): readonly Scenario[] {
  try {
    return scenariosFor(only)
  } catch (error) {
    return fail((error as Error).message)
  }
}

const parse = () =>
  parseArgs({
    allowPositionals: true,
    options: {
      short: { type: 'boolean', default: false },
      only: { type: 'string', default: '' },
      json: { type: 'string' },
      messages: { type: 'string' },
      waiting: { type: 'string' },
      keep: { type: 'boolean', default: false },
      help: { type: 'boolean', default: false },
    },
  })

let parsed: ReturnType<typeof parse>
try {
  parsed = parse()
} catch (error) {
  fail((error as Error).message)
}
const { values, positionals } = parsed
if (values.help) {
  for (const line of USAGE) console.log(line)
  process.exit()
}
process.once('exit', ownTemporary())
const [what, name = 'cost', minutes] = positionals
/** @returns null when the option is missing */
function countOf(option: 'messages' | 'waiting'): number | null {
  const text = values[option]
  if (text === undefined) return null
  if (!/^[1-9]\d{0,6}$/.test(text)) fail(`--${option} takes a number of messages, not ${text}`)
  return Number(text)
}
const forMinutes = minutes === undefined ? undefined : Number(minutes)
const ofBudget = Object.hasOwn(BUDGET, name) ? BUDGET[name] : undefined
if (what === undefined) {
  const messages = countOf('messages')
  const scenarios = chosen(values.only).map((each) => ({ ...each, messages: messages ?? each.messages }))
  const options = { scenarios, waiting: countOf('waiting'), json: values.json ?? null }
  process.exitCode = await bench({ ...values, ...options }, console.log)
} else if (what === 'verification') {
  await verificationCost(console.log)
} else if (what === 'budget' && ofBudget !== undefined && (forMinutes === undefined || forMinutes > 0)) {
  await ofBudget((line) => console.log(`  ${line}`), forMinutes)
} else {
  fail(`There is no measurement "${positionals.join(' ')}"`)
}
