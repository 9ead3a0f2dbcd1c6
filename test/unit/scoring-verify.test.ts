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
    ['with a letter less', 'разработка микросервсов на Python 3'],
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

describe('the quote’s own words', () => {
  test.each<[string, string, string?]>([
    ['Медкнижка', 'Медкнижку готов оформить, пока её нет'],
    ['Сварка аргоном', 'аргоном не варил, с аргоном не работал'],
    ['Опыт с Kafka', 'работал с Kafka', 'Не работал с Kafka, Docker знаю'],
    ['Kafka', 'Kafka', 'Docker — да, Kafka — нет'],
    ['Опыт с Kafka', 'experience with Kafka', 'No experience with Kafka'],
    ['Terraform', 'Never used Terraform'],
    ['Готовность к вахте', 'К вахте не готов'],
    ['Kubernetes', 'Кластер (Kubernetes) вёл подрядчик, я в этом не участвовал'],
    ['Английский язык', 'Английским не владею'],
    ['Опыт продаж', 'Опыта в продажах нет'],
  ])('%s is denied: %s', async (requirement, quote, resume = quote) => {
    expect(await why(requirement, quote, resume)).toBe('denied')
  })

  test.each<[string, string]>([
    ['Docker', 'Хочу изучить Docker'],
    ['Допуск к высоте', 'Планирую получить допуск к высоте'],
    ['Python', 'I want to learn Python'],
    ['Права категории C', 'хотел бы получить права категории C'],
  ])('%s is planned: %s', async (requirement, quote) => {
    expect(await why(requirement, quote, quote)).toBe('planned')
  })

  test.each<[string, string]>([
    ['Английский не ниже B2', 'Английский — A2'],
    ['Немецкий C1', 'Deutsch: В2'],
    ['Опыт вождения от 5 лет', 'Стаж 1 год'],
    ['Опыт от 6 месяцев', 'опыт 3 мес.'],
    ['Английский Upper-Intermediate', 'английский Pre-Intermediate'],
  ])('%s falls short: %s', async (requirement, quote) => {
    expect(await why(requirement, quote, quote)).toBe('falls_short')
  })

  test.each<[string, string, string?]>([
    ['Отсутствие судимости', 'Судимостей не имею'],
    ['Без вредных привычек', 'Не курю, не пью'],
    ['Соблюдение сроков', 'Сроки ни разу не сорвал'],
    ['Готовность к командировкам', 'готова к командировкам', 'Не готова к переезду, готова к командировкам'],
    ['Готовность к переезду', 'Проблем с переездом нет'],
    ['Готовность к переработкам', 'переработок не боюсь'],
    ['Работа в офисе', 'Удалённую работу не рассматриваю'],
    ['Опыт прохождения проверок', 'прохождение проверки, замечаний нет'],
    ['Знание 1С', 'без 1С не обходился ни дня'],
    ['Docker', 'Docker', 'Kafka — нет. Docker — да'],
    ['Kubernetes', 'No downtime on Kubernetes clusters in 3 years'],
    ['Желание учиться', 'Хочу учиться новому'],
    ['Go', 'Хочу и дальше развиваться в Go, изучать его глубже'],
    ['Python', 'I would like to apply my Python skills'],
    ['Опыт от 3 лет', 'Май 2021 — июнь 2023 (2 года), всего 9 лет'],
    ['Опыт продаж от 3 лет', 'за 2 года вырастил продажи втрое'],
    ['Опыт от 5 лет', 'более 4 лет'],
    ['Английский B1', 'Английский — C1, немецкий — A2'],
    ['Возраст до 35 лет', 'мне 30 лет'],
    ['Опыт от 3 лет', '2 года в банке, 2 года в страховой'],
  ])('%s is not contradicted: %s', async (requirement, quote, resume = quote) => {
    expect(await why(requirement, quote, resume)).toBeNull()
  })
})

describe('an answer that is about something else', () => {
  const COOK =
    'Повар, стаж 6 лет. Горячий цех, соусы, супы. Медкнижка есть. Составление меню. Знаю технологические карты. СанПиН.'
  const cooks: Claim[] = [
    ['Опыт поваром', 'Повар, стаж 6 лет'],
    ['Горячий цех', 'Горячий цех, соусы'],
    ['Медкнижка', 'Медкнижка есть'],
    ['Составление меню', 'Составление меню'],
    ['Технологические карты', 'Знаю технологические карты'],
  ]

  test('than the vacancy does not count, and is to be looked at', async () => {
    const { score, review, findings } = await verify(answerOf(cooks), COOK)
    expect(score.score).toBeLessThanOrEqual(20)
    expect(review).toEqual(['unrelated'])
    expect(findings.map((finding) => finding.why)).toContain('not_in_vacancy')
    const own = await verifyAnswer(answerOf(cooks), { requirements: `Ищем повара. ${COOK}`, resume: COOK }, 50)
    expect(own).toMatchObject({ score: { score: 100 }, review: [] })
  })

  test('than its quotes does not count; one quote without a common word does', async () => {
    const wanted = ['Python', 'Kubernetes', 'PostgreSQL', 'Английский', 'Высшее образование']
    const quotes = ['Родился в Москве', 'Иванов Иван', 'Опыт работы', 'Ромашка', 'Баумана']
    const { score, review } = await verify(answerOf(wanted.map((each, i) => [each, quotes[i] ?? ''])))
    expect(score.score).toBe(0)
    expect(review).toEqual(['unrelated'])
    const { findings } = await verify(answerOf([['Хранение данных', 'Руководил командой']]))
    expect(findings).toMatchObject([{ related: false, why: null }])
  })

  test('is not told of one in another language', async () => {
    const claims: Claim[] = [
      'Ведение переговоров',
      'Грамотная речь',
      'Обслуживание',
      'Внимательность',
      'Вежливость',
    ].map((requirement, i) => [requirement, `closing deals ${i}`])
    const resume = claims.map(([, quote]) => quote).join('. ')
    const requirements = claims.map(([requirement]) => requirement).join(', ')
    const { review, findings } = await verifyAnswer(answerOf(claims), { requirements, resume }, 50)
    expect(review).toEqual([])
    expect(findings[0]?.related).toBeNull()
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
