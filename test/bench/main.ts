/** `npm run bench -- NAME [MINUTES]`: measures, and prints what it measured. Without a name: what the budget costs Redis. */
import { budgetCost } from './budget-cost.ts'
import { evenSpacing, fairness, held } from './budget-watch.ts'

const BENCHES: Record<string, (say: (line: string) => void, minutes?: number) => Promise<void>> = {
  'budget-cost': budgetCost,
  'even-spacing': evenSpacing,
  fairness,
  held,
}

const [name = 'budget-cost', minutes] = process.argv.slice(2)
const bench = Object.hasOwn(BENCHES, name) ? BENCHES[name] : undefined
const forMinutes = minutes === undefined ? undefined : Number(minutes)
if (bench === undefined || (forMinutes !== undefined && !(forMinutes > 0))) {
  console.error(`usage: npm run bench -- NAME [MINUTES], with a name of ${Object.keys(BENCHES).join(', ')}`)
  process.exitCode = 64
} else {
  console.log(`${name}:`)
  await bench((line) => console.log(`  ${line}`), forMinutes)
}
