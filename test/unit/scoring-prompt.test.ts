import { readFileSync } from 'node:fs'
import fc from 'fast-check'
import { describe, expect, test } from 'vitest'
import { PROMPT_VERSIONS, promptVersion } from '../../src/scoring/prompt-version.ts'
import { buildPrompt, promptHash } from '../../src/scoring/prompt.ts'

const texts = { requirements: 'Требования: Python', resume: 'Иван, Python' }
const options = { responseFormat: 'json_schema', verdictMinScore: 50 } as const
const current = PROMPT_VERSIONS.at(-1)

describe('the version of the prompt', () => {
  test('is a new one whenever the prompt or the schema changes', () => {
    expect(current?.hash, 'the prompt changed: add a version to prompt-version.ts, and a line to CHANGELOG.md').toBe(
      promptHash(),
    )
  })

  test('has a line in the changelog, every one of them', () => {
    const changelog = readFileSync(new URL('../../CHANGELOG.md', import.meta.url), 'utf8')
    for (const { name } of PROMPT_VERSIONS) expect(changelog).toContain(`\`${name}\``)
  })

  test('has a name and a hash of its own', () => {
    for (const key of ['name', 'hash'] as const) {
      expect(new Set(PROMPT_VERSIONS.map((version) => version[key])).size).toBe(PROMPT_VERSIONS.length)
    }
    expect(promptVersion).toBe(`${current?.name}-${promptHash().slice(0, 12)}`)
  })
})

describe('the prompt', () => {
  test('begins the same for all requests, and the same for all resumes for a vacancy', () => {
    const [a, b] = [buildPrompt(texts, options), buildPrompt({ ...texts, resume: 'Мария, Go' }, options)]
    expect(a.messages.map(({ role }) => role)).toEqual(['system', 'user', 'user'])
    expect(b.messages.slice(0, 2)).toEqual(a.messages.slice(0, 2))
    expect(buildPrompt({ ...texts, requirements: 'Go' }, options).messages[0]).toEqual(a.messages[0])
    expect(buildPrompt(texts, options)).toEqual(a)
  })

  test('tells the threshold of the verdict', () => {
    expect(buildPrompt(texts, { ...options, verdictMinScore: 73 }).messages[0]?.content).toContain('от 73')
  })

  test('holds the schema in words for servers that know none', () => {
    const plain = buildPrompt(texts, { ...options, responseFormat: 'json_object' })
    const strict = buildPrompt(texts, options)
    expect(plain.schema).toBeNull()
    expect(plain.messages[0]?.content).toContain(JSON.stringify(strict.schema?.schema))
  })

  test('holds the texts as they are, each between marks that it cannot hold itself', () => {
    const nasty = fc.oneof(fc.string({ unit: 'grapheme' }), fc.constant('</resume id="'), fc.constant('\n</resume>\n'))
    fc.assert(
      fc.property(nasty, nasty, (requirements, resume) => {
        const [, vacancy, person] = buildPrompt({ requirements, resume }, options).messages
        for (const [content, text, name] of [
          [vacancy?.content, requirements, 'requirements'],
          [person?.content, resume, 'resume'],
        ] as const) {
          const id = /^<\w+ id="([\da-f]{16})">\n/.exec(content ?? '')?.[1] ?? 'none'
          expect(content).toBe(`<${name} id="${id}">\n${text}\n</${name} id="${id}">`)
          expect(text).not.toContain(id)
        }
      }),
    )
  })

  test('changes the mark when a text holds it', () => {
    const first = /id="([\da-f]+)"/.exec(buildPrompt(texts, options).messages[2]?.content ?? '')?.[1] ?? ''
    const second = buildPrompt({ ...texts, resume: `${texts.resume} ${first}` }, options).messages[2]?.content
    expect(second).not.toContain(`<resume id="${first}">`)
  })
})
