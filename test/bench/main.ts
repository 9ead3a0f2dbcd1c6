/** `npm run bench`, or `npm run bench -- NAME`: measures, and prints what it measured. */
import { budgetCost } from './budget-cost.ts'

const BENCHES: Record<string, (say: (line: string) => void) => Promise<void>> = {
  'budget-cost': budgetCost,
}

const wanted = process.argv.slice(2)
const unknown = wanted.filter((name) => !Object.hasOwn(BENCHES, name))
if (unknown.length > 0) {
  console.error(`no bench named ${unknown.join(', ')}; there are: ${Object.keys(BENCHES).join(', ')}`)
  process.exitCode = 64
} else {
  for (const [name, bench] of Object.entries(BENCHES)) {
    if (wanted.length > 0 && !wanted.includes(name)) continue
    console.log(`${name}:`)
    await bench((line) => console.log(`  ${line}`))
  }
}
