/** What is published of an answer: score, matches, recommendation. */
import fc from 'fast-check'
import { describe, expect, test } from 'vitest'
import { publishedScore, verifyAnswer } from '../../src/scoring/verify.ts'
import type { Claim } from '../support/verified.ts'
import { answerOf, verify } from '../support/verified.ts'

/** @returns which of two requirements count, when the first is proved */
async function counted(one: string, other: string): Promise<string[]> {
  const { findings } = await verify(answerOf([[one, 'Python 3']], { unmet: [other] }))
  return findings.map(({ requirement }) => requirement)
}

describe('the score', () => {
  const proofs: Claim[] = [
    ['Python', 'микросервисов на Python 3'],
    ['Kubernetes', 'развёртывание в Kubernetes'],
    ['PostgreSQL', 'базы данных — PostgreSQL'],
    ['Высшее образование', 'Образование: МГТУ им. Баумана'],
    ['Английский язык', 'Английский — B2'],
    ['Управление командой', 'Руководил командой из 6 человек'],
    ['CI/CD', 'Настроил CI/CD в GitLab'],
  ]

  test('is the model’s where all is proved', async () => {
    const { score, corrections } = await verify(answerOf(proofs, { score: 93 }))
    expect(score).toMatchObject({ score: 93, verdict: 'Подходит', recommendation: 'Кандидат подходит.' })
    expect(score.matches).toEqual(proofs.map(([requirement]) => requirement))
    expect(corrections).toEqual([])
  })

  test('is the share proved where the model gave more', async () => {
    const { score } = await verify(answerOf(proofs.slice(0, 4), { unmet: ['Go', 'Rust', 'Elixir'], score: 90 }))
    expect(score.score).toBe(57)
  })

  test('is the model’s where it gave less than the share', async () => {
    expect((await verify(answerOf(proofs, { score: 12 }))).score).toMatchObject({ score: 12, verdict: 'Не подходит' })
  })

  test.each([
    [0, 0],
    [1, 20],
    [2, 40],
    [3, 100],
  ])('with %i proved of as many is at most %i', async (proved, most) => {
    const { score } = await verify(answerOf(proofs.slice(0, proved)))
    expect(score.score).toBe(most)
    expect(score.matches).toHaveLength(proved)
  })

  test('does not count what is not proved, and says why in the findings', async () => {
    const claims: Claim[] = [...proofs.slice(0, 3), ['Rust', 'пять лет на Rust'], ['Kafka', 'работал с Kafka']]
    const { score, findings, corrections } = await verify(answerOf(claims))
    expect(score).toMatchObject({ score: 60, matches: ['Python', 'Kubernetes', 'PostgreSQL'] })
    expect(findings.map(({ why }) => why)).toEqual([null, null, null, 'not_in_resume', 'denied'])
    expect(corrections).toEqual(['proofs_dropped', 'score_lowered'])
  })

  test('counts a requirement once, however often and in whatever words it is repeated', async () => {
    const padded: Claim[] = [
      ['Python', 'Python-разработчик'],
      ['Знание Python', 'Python 3'],
      ['опыт работы с PYTHON', 'на Python'],
    ]
    const { score, corrections } = await verify(answerOf(padded, { unmet: ['Go'] }))
    expect(score).toMatchObject({ score: 20, matches: ['Python'] })
    expect(corrections).toContain('requirements_repeated')
  })

  test.each([
    ['OSHA 10', 'OSHA 30'],
    ['Разряд не ниже 4', 'Разряд не ниже 6'],
    ['Категория B', 'Категория C'],
    ['Аттестация А1', 'Аттестация Б.9'],
    ['3/3 rotation', '2/2 rotation'],
    ['Знание ТК РФ', 'Знание НК РФ'],
    ['Java', 'Многопоточность в Java'],
    ['Docker', 'Безопасность Docker'],
  ])('counts %s and %s apart', async (one, other) => {
    expect(await counted(one, other)).toEqual([one, other])
  })

  test.each([
    ['Python 3', 'Знание Python'],
    ['Опыт продаж от 3 лет', 'опыт продаж от 3 лет'],
    ['С опытом на Python', 'Опыт на Python'],
    ['Experience with React', 'React experience'],
    ['Высшее образование', 'Наличие высшего образования'],
    ['Опыт работы с Git', 'Уверенное владение Git'],
  ])('counts %s and %s once', async (one, other) => {
    expect(await counted(one, other)).toEqual([one])
  })

  test('takes a repeated requirement for proved when one of its quotes proves it', async () => {
    const { score } = await verify(
      answerOf([
        ['Python', 'десять лет Python'],
        ['Python', 'Python 3'],
      ]),
    )
    expect(score.matches).toEqual(['Python'])
  })

  test('never exceeds the model’s, the share, or the caps', () => {
    fc.assert(
      fc.property(fc.integer({ min: 0, max: 100 }), fc.nat(20), fc.nat(20), (model, a, b) => {
        const [proved, all] = [Math.min(a, b), Math.max(a, b)]
        const score = publishedScore(model, proved, all)
        expect(Number.isInteger(score) && score >= 0).toBe(true)
        expect(score).toBeLessThanOrEqual(model)
        expect(score).toBeLessThanOrEqual(all === 0 ? 0 : Math.ceil((100 * proved) / all))
        expect(score).toBeLessThanOrEqual([20, 20, 40][proved] ?? 100)
      }),
    )
  })
})

describe('matches', () => {
  test('are at most seven, though the share is taken of all', async () => {
    const skills = ['Go', 'Rust', 'Java', 'Perl', 'Ruby', 'Scala', 'Kotlin', 'Swift', 'Dart']
    const texts = { requirements: skills.join(', '), resume: skills.join(', ') }
    const { score } = await verifyAnswer(answerOf(skills.map((skill) => [skill, skill])), texts, 50)
    expect(score).toMatchObject({ score: 100, matches: skills.slice(0, 7) })
  })

  test('are short, in one line and without invisible characters', async () => {
    const long = `Python\u200b и\n\tвсё, что к нему относится, ${'а также многое другое, '.repeat(20)}`
    const { score } = await verify(answerOf([[long, 'Python 3']]))
    expect(score.matches[0]).toMatch(/^Python и всё, что к нему относится, .*…$/)
    expect(score.matches[0]?.length).toBeLessThanOrEqual(120)
  })

  test('carry no markup, link or formula', async () => {
    const { score } = await verify(answerOf([['=cmd|<b>Python</b> https://x.io/y', 'Python 3']]))
    expect(score.matches).toEqual(['cmd| Python'])
  })

  test('do not hold a requirement without words', async () => {
    expect((await verify(answerOf([[' — ', 'Python 3']]))).score.matches).toEqual([])
  })
})

describe('the recommendation', () => {
  const three: Claim[] = [
    ['Python', 'микросервисов на Python 3'],
    ['Kubernetes', 'развёртывание в Kubernetes'],
    ['PostgreSQL', 'базы данных — PostgreSQL'],
  ]
  const of = async (recommendation: string, { score = 100, unmet = [] as string[], claims = three } = {}) =>
    (await verify(answerOf(claims, { score, unmet, recommendation }))).score.recommendation

  test.each([
    'Кандидат подходит: есть опыт Python и Kubernetes.',
    'Опытный разработчик, но не вполне соответствует вакансии.',
    'Кандидат не подходит.',
  ])('is the model’s where the verdict is the model’s, whatever it says: %s', async (text) => {
    expect(await of(text)).toBe(text)
  })

  test('is the model’s in any language', async () => {
    expect(await of('A suitable candidate with Python.')).toBe('A suitable candidate with Python.')
  })

  test('is a plain one where the model gave none', async () => {
    expect(await of('')).toBe(
      'В резюме подтверждено требований: 3 из 3. Рекомендуется пригласить кандидата на собеседование.',
    )
  })

  test('is a plain one where the published verdict is not the model’s', async () => {
    const claims: Claim[] = [...three.slice(0, 2), ['Rust', 'десять лет на Rust'], ['Go', 'эксперт по Go']]
    expect(await of('Опыт есть по всем пунктам.', { claims })).toBe(
      'В резюме подтверждено требований: 2 из 4. Кандидат не подходит: не подтверждено «Rust», «Go».',
    )
  })

  test.each([
    ['=HYPERLINK("http://x.ru";"тут") Подходит.', 'Подходит'],
    ['Подходит <b>очень</b> <script src=//evil.com/x>', 'Подходит очень'],
    ['Подходит &lt;img src=x&gt;', 'Подходит img src=x'],
    ['Подходит, подробности на https://example.com/x?y=1 и t.me/x', 'Подходит, подробности на и'],
    ['Подходит, пишите на a.b@example.com или @handle', 'Подходит, пишите на или'],
    ['Подходит, звоните +7 (999) 123-45-67, 89991234567', 'Подходит, звоните'],
    [
      'Подходит, знает Node.js, ASP.NET и 44-ФЗ, стаж 2019–2024',
      'Подходит, знает Node.js, ASP.NET и 44-ФЗ, стаж 2019–2024',
    ],
    ['Подходит: evil.com', 'Подходит: evil com'],
  ])('carries nothing that a reader’s program would act on: %j', async (text, published) => {
    expect((await of(text)).replace(/[\s,.HYPERLINK]+$/, '')).toContain(published)
    expect(await of(text)).not.toMatch(/https?:|<|@|^=|\d{10}|t\.me|evil\.com/)
  })

  test('has at most 700 characters, one line, and no half characters', async () => {
    const long = `Кандидат подходит.\n${'Очень 😀хорош\u0000. '.repeat(200)}`
    const text = await of(long)
    expect(text.length).toBeLessThanOrEqual(700)
    expect(text).toMatch(/^Кандидат подходит\. Очень 😀хорош\. /)
    expect(text.isWellFormed()).toBe(true)
    const unmet = Array.from({ length: 30 }, (_, i) => `${'длинное '.repeat(14)} ${i}00`)
    expect((await of('', { unmet })).length).toBeLessThanOrEqual(700)
  })
})

test('an answer without requirements or recommendation is not complete', async () => {
  expect((await verify(answerOf([], { score: 0 }))).complete).toBe(false)
  expect((await verify(answerOf([['Python', 'Python 3']], { recommendation: ' ' }))).complete).toBe(false)
  expect((await verify(answerOf([['Python', 'Python 3']]))).complete).toBe(true)
})
