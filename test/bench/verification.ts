/** `npm run bench -- verification`: what the verification of an answer costs, over the resumes of the claims file. */
import { readFileSync } from 'node:fs'
import { join } from 'node:path'
import { readClaims } from '../../src/cli/evaluation/claims.ts'
import { verifyAnswer } from '../../src/scoring/verify.ts'

const CLAIMS = join(import.meta.dirname, '../../evaluation/claims.jsonl')
/** The size of each resume, in UTF-8. */
const BYTES = 3_400
const MOST_CLAIMS = 6
const CALLS = 3_000
const ROUNDS = 6

/** @returns the answers of the claims file, each with a resume of the same size: its own, filled up with parts of others */
function casesOf(claimed: ReturnType<typeof readClaims>) {
  return claimed.map(({ vacancy, resume, answer }, index) => {
    let text = resume
    for (let n = index; Buffer.byteLength(text) < BYTES; n++) {
      text += `\n${claimed[(n + 7) % claimed.length]?.resume.slice(0, 400)}`
    }
    const requirements = answer.requirements
      .slice(0, MOST_CLAIMS)
      .map(({ requirement, quote }) => ({ requirement, quote, evidence: 'stated' as const }))
    const cut = Buffer.from(text).subarray(0, BYTES).toString()
    return { texts: { requirements: vacancy, resume: cut }, answer: { ...answer, requirements } }
  })
}

/** Says how much CPU a verification takes, in one round after another: the first ones are slower, since V8 has not compiled it yet. */
export async function verificationCost(say: (line: string) => void): Promise<void> {
  const cases = casesOf(readClaims(readFileSync(CLAIMS, 'utf8')))
  const claims = cases.reduce((sum, { answer }) => sum + answer.requirements.length, 0) / cases.length
  say(`resumes of ${BYTES} bytes, ${claims.toFixed(1)} claims each`)
  for (let round = 0; round < ROUNDS; round++) {
    const before = process.cpuUsage()
    for (let call = 0; call < CALLS; call++) {
      const { texts, answer } = cases[call % cases.length] ?? {}
      // Each text is another one, so that nothing remembered of an earlier call helps.
      if (texts && answer) await verifyAnswer(answer, { ...texts, resume: `${texts.resume} ${round} ${call}` }, 50)
    }
    const { user, system } = process.cpuUsage(before)
    say(`  ${((user + system) / CALLS / 1_000).toFixed(2)} ms of CPU a verification`)
  }
}
