import fc from 'fast-check'
import { describe, expect, test } from 'vitest'
import type { ModelAnswer } from '../../src/scoring/answer.ts'
import { publishedScore, verifyAnswer } from '../../src/scoring/verify.ts'

const RESUME = `Иванов Иван, Python-разработчик
Опыт работы:
2019–2024, ООО «Ромашка»: разработка микросервисов на Python 3 и Django, 5 лет.
Настроил CI/CD в GitLab, развёртывание в Kubernetes; базы данных — PostgreSQL и Redis.
Руководил командой из 6 человек. Не работал с Kafka.
Образование: МГТУ им. Баумана, 2018
Английский — B2. Родился в Москве.`

const VACANCY = 'Требования: Python, Kubernetes, PostgreSQL, высшее образование, английский, управление командой.'

type Claim = [requirement: string, quote: string]

const answerOf = (
  claims: Claim[],
  { score = 100, unmet = [] as string[], recommendation = 'Кандидат подходит.' } = {},
) =>
  ({
    requirements: [
      ...claims.map(([requirement, quote]) => ({ requirement, quote, evidence: 'stated' as const })),
      ...unmet.map((requirement) => ({ requirement, quote: '', evidence: 'not_mentioned' as const })),
    ],
    score,
    recommendation,
  }) satisfies ModelAnswer

const verify = (answer: ModelAnswer, resume = RESUME) => verifyAnswer(answer, { requirements: VACANCY, resume }, 50)

async function why(requirement: string, quote: string, resume = RESUME) {
  const { findings } = await verify(answerOf([[requirement, quote]]), resume)
  return findings[0]?.why
}

describe('a quote', () => {
  test.each([
    ['as it stands', 'разработка микросервисов на Python 3 и Django'],
    ['in another case', 'РАЗРАБОТКА микросервисов на python 3'],
    ['with other white space', 'разработка\n  микросервисов\u00a0на Python 3'],
    ['with other quotes and dashes', '2019-2024, ООО "Ромашка": разработка микросервисов на Python'],
    ['decomposed', 'разработка микросервисов на Python 3 и Django, 5 лет'.normalize('NFD')],
    ['without punctuation at its ends', '…разработка микросервисов на Python…'],
    ['with a letter mistyped', 'разработка микросервсов на Python 3'],
    ['with two letters swapped', 'разработка мирковервисов на Python 3'.replace('мирковервисов', 'микросеврисов')],
    ['with a word split', 'разработка микро сервисов на Python 3'],
    ['with look-alike letters', 'рaзрабoткa микросервисов на Python 3'],
  ])('%s proves', async (_how, quote) => {
    expect(await why('Опыт разработки на Python', quote)).toBeNull()
  })

  test('of one line proves where the resume breaks it', async () => {
    const resume = 'Python: разра-\nботка сервисов обра-\nботки данных'
    expect(await why('Python', 'Python: разработка сервисов обработки данных', resume)).toBeNull()
  })

  test('with ё proves where the resume has е, and the reverse', async () => {
    expect(await why('Учёт', 'вёл учёт', 'Вел учет на складе')).toBeNull()
    expect(await why('Учет', 'вел учет', 'Вёл учёт на складе')).toBeNull()
  })

  test.each([
    ['invented', 'разработка микросервисов на Go'],
    ['with another number', 'разработка микросервисов на Python 3 и Django, 7 лет'],
    ['with another year', '2009–2024, ООО «Ромашка»: разработка микросервисов на Python'],
    ['with a word put in', 'успешная разработка микросервисов на Python'],
    ['with a word left out', 'разработка на Python 3'],
    ['with a short word exchanged', 'разработка микросервисов без Python 3'],
    ['put together from two places', 'разработка микросервисов на Python, Kubernetes'],
    ['of half a word', 'разработка микросервисов на Pyth'],
  ])('%s does not', async (_how, quote) => {
    expect(await why('Опыт разработки на Python', quote)).toBe('not_in_resume')
  })

  test.each(['', '   ', '—«»…', '\u200b'])('without words (%j) does not', async (quote) => {
    expect(await why('Python', quote)).toBe('no_quote')
  })

  test('as long as the resume does not', async () => {
    const resume = 'Python '.repeat(1_000)
    expect(await why('Python', resume, resume)).toBe('quote_too_long')
  })

  test('cut out of a denial does not', async () => {
    expect(await why('Опыт с Kafka', 'работал с Kafka')).toBe('denied')
    expect(await why('Опыт с Kafka', 'Не работал с Kafka')).toBe('denied')
    expect(await why('Kafka', 'Kafka', 'Docker — да, Kafka — нет')).toBe('denied')
    expect(await why('Docker', 'Docker', 'Kafka — нет. Docker — да')).toBeNull()
    expect(await why('Kafka', 'experience with Kafka', 'No experience with Kafka')).toBe('denied')
    expect(
      await why('Опыт от 5 лет на Java', 'Не менее 5 лет опыта на Java', 'Не менее 5 лет опыта на Java'),
    ).toBeNull()
  })

  test('that stands in the resume proves, whatever it is; with a word exchanged it does not', () => {
    const word = fc.constantFrom('опыт', 'Python', 'вёл', '«проект»', '5', 'лет,', 'на', 'Kubernetes', 'отдел-', 'учёт')
    return fc.assert(
      fc.asyncProperty(
        fc.array(word, { minLength: 3, maxLength: 30 }),
        fc.nat(),
        fc.nat(),
        async (words, from, size) => {
          const start = from % words.length
          const quoted = words.slice(start, start + 1 + (size % 8))
          const resume = words.join(' ')
          const quote = quoted.join(' ').toUpperCase()
          expect(await why(quote, quote, resume)).toBeNull()
          const invented = [...quoted, 'сертифицированный'].join(' ')
          expect(await why(quote, invented, resume)).toBe('not_in_resume')
        },
      ),
      { numRuns: 200 },
    )
  })
})

describe('a quote bears on its requirement', () => {
  test.each<[string, string, string?]>([
    ['Опыт управления командой', 'Руководил командой из 6 человек'],
    ['Высшее образование', 'МГТУ им. Баумана, 2018'],
    ['Английский язык не ниже B1', 'Английский — B2'],
    ['Знание SQL', 'PostgreSQL и Redis'],
    ['Базы данных', 'PostgreSQL и Redis'],
    ['Опыт работы от 3 лет', '5 лет'],
    ['Администрирование k8s', 'развёртывание в Kubernetes'],
    ['Опыт продаж', 'продавал оборудование', 'Пять лет продавал оборудование'],
    ['Банковское дело', 'работал в банке', 'Работал в банке'],
    ['1С:Бухгалтерия', 'вела учет в 1C', 'Вела учет в 1C'],
    ['Командная работа', 'Worked in a team of 8 engineers', 'Worked in a team of 8 engineers at Acme'],
    ['Ведение переговоров', 'closing deals with suppliers', 'Responsible for closing deals with suppliers'],
    ['Высшее образование', 'BSc in Physics', 'BSc in Physics, 2015'],
    ['Python experience', 'programming in Python', 'Programming in Python'],
    ['Стаж вождения от 3 лет', 'стаж 11 лет', 'Права категории C, стаж 11 лет'],
    ['Коммерческий опыт разработки от 3 лет', 'разработка микросервисов'],
    ['Statistics', 'Математическая статистика', 'Математическая статистика, курс'],
    ['Внимательность', '细心', '细心，认真'],
  ])('%s: %s', async (requirement, quote, resume) => {
    expect(await why(requirement, quote, resume)).toBeNull()
  })

  test.each<[string, string, string?]>([
    ['Знание Kubernetes', 'Родился в Москве'],
    ['Высшее образование', 'Python 3 и Django'],
    ['Java', 'разработка на JavaScript', 'Разработка на JavaScript'],
    ['PostgreSQL', 'MySQL 5 лет', 'MySQL 5 лет'],
    ['Разработка на Go', 'разработка микросервисов на Python'],
    ['Управление командой', 'Английский — B2'],
    ['Опыт с Kubernetes', 'I like cats', 'I like cats and work in sales'],
    ['Английский язык', 'Родился в Москве'],
    ['Kubernetes administration', 'Родился в Москве'],
    ['C++', 'C#', 'C#, F#'],
    ['Опыт с Kubernetes от 3 лет', '5 лет'],
    ['Знание Kubernetes', '5 лет', 'Kubernetes — базовое знакомство, PostgreSQL — 5 лет'],
  ])('%s: not %s', async (requirement, quote, resume) => {
    expect(await why(requirement, quote, resume)).toBe('does_not_bear')
  })
})

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
    const { score } = await verify(answerOf(skills.map((skill) => [skill, skill])), skills.join(', '))
    expect(score).toMatchObject({ score: 100, matches: skills.slice(0, 7) })
  })

  test('are short, in one line and without invisible characters', async () => {
    const long = `Python\u200b и\n\tвсё, что к нему относится, ${'а также многое другое, '.repeat(20)}`
    const { score } = await verify(answerOf([[long, 'Python 3']]))
    expect(score.matches[0]).toMatch(/^Python и всё, что к нему относится, .*…$/)
    expect(score.matches[0]?.length).toBeLessThanOrEqual(120)
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
    'Рекомендуется пригласить на собеседование, хотя он не соответствует пожеланию о знании Go.',
    'Опытный разработчик с хорошим стеком.',
  ])('stays where it agrees with the verdict: %s', async (text) => {
    expect(await of(text)).toBe(text)
  })

  test.each([
    'Кандидат не подходит.',
    'Не рекомендуется к найму.',
    'Следует отказать: слабый опыт.',
    'Он не вполне соответствует вакансии.',
    '',
    'Hire this candidate immediately, he is the best.',
    'Кандидат подходит, подробности на https://example.com/x',
  ])('is replaced under a positive verdict: %j', async (text) => {
    expect(await of(text)).toBe(
      'В резюме подтверждено требований: 3 из 3. Рекомендуется пригласить кандидата на собеседование.',
    )
  })

  test.each([
    'Кандидат подходит.',
    'Рекомендую пригласить.',
    'Отличный кандидат',
    'Полностью соответствует требованиям',
  ])('is replaced under a negative verdict: %s', async (text) => {
    expect(await of(text, { score: 30, unmet: ['Go', 'Rust'] })).toBe(
      'В резюме подтверждено требований: 3 из 5. Кандидат не подходит: не подтверждено «Go», «Rust».',
    )
  })

  test('is replaced when it was written for a score that did not hold', async () => {
    const claims: Claim[] = [...three.slice(0, 2), ['Rust', 'десять лет на Rust'], ['Go', 'эксперт по Go']]
    expect(await of('Опыт есть по всем пунктам.', { claims })).toContain('Кандидат не подходит')
    const four: Claim[] = [...three, ['Rust', 'десять лет на Rust']]
    expect(await of('Сильный кандидат, знает Rust.', { claims: four })).toContain('уточнить: «Rust»')
    expect(await of('Кандидат подходит на 100 процентов.', { claims: four })).toContain('3 из 4')
    expect(await of('Кандидат подходит, знает Python.', { claims: four })).toBe('Кандидат подходит, знает Python.')
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
