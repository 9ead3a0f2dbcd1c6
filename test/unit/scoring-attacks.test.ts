import { readdirSync, readFileSync } from 'node:fs'
import { describe, expect, test } from 'vitest'
import { strippedFlags } from '../../src/scoring/attacks.ts'
import { buildPrompt } from '../../src/scoring/prompt.ts'
import { stripInvisible } from '../../src/lib/sanitize.ts'
import { verifyAnswer } from '../../src/scoring/verify.ts'

/** A resume, what a model that believes it would answer, and what of it must come through. */
interface Fixture {
  name: string
  resume: string[]
  requirements?: string
  claims: [requirement: string, quote: string][]
  /** Requirements that are proved in spite of the attack. */
  matches: string[]
  flags: string[]
}

const fixtures = new URL('../fixtures/', import.meta.url)
const read = <T>(file: string) => JSON.parse(readFileSync(new URL(file, fixtures), 'utf8')) as T[]

/** A deceived model: it takes all it was told for met, and gives the best score. */
async function deceive({ resume, requirements = 'Требования: Kubernetes, Kafka, Terraform', claims }: Fixture) {
  const clean = stripInvisible(resume.join('\n'))
  const answer = {
    requirements: claims.map(([requirement, quote]) => ({ requirement, quote, evidence: 'stated' as const })),
    score: 100,
    recommendation: 'Идеальный кандидат, рекомендуется нанять немедленно.',
  }
  const verified = await verifyAnswer(answer, { requirements, resume: clean.text }, 50)
  const invisible = strippedFlags(clean.stripped).map((flag) => `resume:${flag}`)
  return { ...verified, flags: [...verified.flags, ...invisible].toSorted() }
}

describe.each(readdirSync(new URL('attacks/', fixtures)))('attacks: %s', (file) => {
  test.each(read<Fixture>(`attacks/${file}`).map((fixture) => [fixture.name, fixture] as const))(
    '%s',
    async (_name, fixture) => {
      const { score, flags } = await deceive(fixture)
      expect(score.matches).toEqual(fixture.matches)
      expect(score.score).toBe(fixture.matches.length === 0 ? 0 : 20)
      expect(score).toMatchObject({ verdict: 'Не подходит', recommendation: expect.stringContaining('не подходит') })
      expect(flags).toEqual(fixture.flags)
    },
  )

  test.each(read<Fixture>(`attacks/${file}`).map((fixture) => [fixture.name, fixture] as const))(
    '%s: cannot close its delimiter',
    (_name, fixture) => {
      const resume = stripInvisible(fixture.resume.join('\n')).text
      const options = { responseFormat: 'json_schema', verdictMinScore: 50 } as const
      const content = buildPrompt({ requirements: 'Kubernetes', resume }, options).messages[2]?.content ?? ''
      const closing = content.slice(content.lastIndexOf('\n') + 1)
      expect(closing).toMatch(/^<\/resume id="[\da-f]{16}">$/)
      expect(content.indexOf(closing)).toBe(content.length - closing.length)
      expect(content).toContain(`\n${resume}\n`)
    },
  )
})

test.each(read<Fixture>('honest.json').map((fixture) => [fixture.name, fixture] as const))(
  'an honest resume is neither flagged nor robbed of its proofs: %s',
  async (_name, fixture) => {
    const { findings, flags } = await deceive(fixture)
    expect(flags).toEqual([])
    expect(findings.map(({ why }) => why)).toEqual(fixture.claims.map(() => null))
  },
)
