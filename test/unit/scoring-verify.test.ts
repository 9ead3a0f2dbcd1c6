/** Which quotes prove a requirement, and which answers are doubted as a whole. */
import fc from 'fast-check'
import { describe, expect, test } from 'vitest'
import { verifyAnswer } from '../../src/scoring/verify.ts'
import type { Claim } from '../support/verified.ts'
import { answerOf, verify, why } from '../support/verified.ts'

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
    ['Сварка аргоном', 'аргоном не варил, с аргоном не работал'],
    ['Опыт с Kafka', 'работал с Kafka', 'Не работал с Kafka, Docker знаю'],
    ['Kafka', 'Kafka', 'Docker — да, Kafka — нет'],
    ['Опыт с Kafka', 'experience with Kafka', 'No experience with Kafka'],
    ['Terraform', 'Never used Terraform'],
    ['Готовность к вахте', 'К вахте не готов'],
    ['Kubernetes', 'Кластер (Kubernetes) вёл подрядчик, я в этом не участвовал'],
    ['Английский язык', 'Английским не владею'],
    ['Опыт продаж', 'Опыта в продажах нет'],
    // Rules see the text as its reader does, whatever markup it holds.
    ['Kubernetes', 'Kubernetes не знаю', '<p>Kubernetes не&nbsp;знаю</p>'],
    ['Kubernetes', 'Kubernetes не знаю', '<p>Kubernetes <b>не</b> знаю</p>'],
    ['Kubernetes', 'Kubernetes не использовал', 'Kubernetes не ис-\nпользовал'],
    ['Kubernetes', 'Нет опыта с Kubernetes', 'НетопытасKubernetes'],
    ['C++', 'no C++', 'Go, Rust,&nbsp;no&nbsp;C++'],
    ['Millinery', 'Millinery? No'],
    ['Удостоверение сварщика', 'Удостоверение сварщика? Нет'],
  ])('%s is denied: %s', async (requirement, quote, resume = quote) => {
    expect(await why(requirement, quote, resume)).toBe('denied')
  })

  test.each<[string, string]>([
    ['Docker', 'Хочу изучить Docker'],
    ['Медкнижка', 'Медкнижку готов оформить, пока её нет'],
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
    ['Опыт от 5 лет', 'Стаж: 2 г. 4 мес.'],
    ['Опыт от 3 до 5 лет', 'Опыт 1 год'],
    ['3-5 years of Java', '2 years of Java'],
    ['Mindestens 10 Jahre Erfahrung', 'Erfahrung: 6 Jahre'],
    ['Experiencia de 5 años', '3 años de experiencia'],
    ['五年以上经验，至少5年', '3年经验'],
    ['Английский Upper-Intermediate', 'английский Pre-Intermediate'],
    ['German B2', 'English C1, German A2, Polish native'],
    ['Finnish B1', 'Finnish A2 / Swedish B2'],
    ['English B2', 'English, level: Intermediate'],
    ['Английский B2', 'Английским владею на A2, немецким — на C1'],
    ['7 years of audit', 'Audit: 4 yrs 4 mos'],
    ['Опыт от 3 лет', 'ООО «Вектор», геодезист, июнь 2024 — июль 2025 (1 год 2 месяца)'],
    ['خبرة 6 سنوات', 'خبرة 4 سنوات'],
  ])('%s falls short: %s', async (requirement, quote) => {
    expect(await why(requirement, quote, quote)).toBe('falls_short')
  })

  test('years are read as the text shows them', async () => {
    expect(await why('Опыт от 3 лет', '1 год 9 месяцев', 'Стаж: 1&nbsp;год&nbsp;9&nbsp;месяцев')).toBe('falls_short')
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
    ['Опыт от 1 года', 'Стаж 2 г. 4 мес.'],
    ['Опыт от 6 месяцев', 'Контракты: 6 + 6 + 4 мес.'],
    ['Опыт от 1 года', '3, 4 и 5 месяцев на трёх судах'],
    ['Опыт от 3 лет', 'Два сезона и 1 год'],
    ['Опыт от 3 лет', '2015–2017, 2 года; 2019–2024, склад'],
    // A range asks for its lower end; an age or a time window is no length.
    ['Опыт работы 3–6 лет', 'Опыт работы — 5 лет 1 месяц'],
    ['Опыт 1-3 года', 'Разработчик, 1 год 8 месяцев'],
    ['2 to 4 years in sales', '3 years in sales'],
    ['1-2 years of retail', '18 months of retail'],
    ['Опыт работы с детьми от 3 лет', 'Воспитатель, 2 года'],
    ['Java за последние 3 года', 'Java, 2 года'],
    ['2+ years of experience', 'A decade in banks, 6 months at sea'],
    ['Опыт от 1 года', 'три с половиной года и 2 месяца'],
    ['English B2', 'IELTS 7.5, school certificate B1'],
    ['English B2', 'TOEFL 105, B1 at school'],
    ['German B2', 'German C1, English A2'],
    ['English or German B2', 'German C1, English A2'],
    ['Стаж бухгалтера от 5 лет', 'С 2015 в бухгалтерии, 2 года главбухом'],
    ['Английский язык B2', 'C1 (English), немецкий язык A2'],
    ['Английский B2', 'английский язык А2 (2010 г.); в 2020 г. сдал B2'],
    ['English B2', 'English (A2 in school), now B2'],
    ['Languages: B2', 'English C1, German A2'],
  ])('%s is not contradicted: %s', async (requirement, quote, resume = quote) => {
    expect(await why(requirement, quote, resume)).toBeNull()
  })
})

describe('an answer that is about something else', () => {
  /** Verifies an answer of which the vacancy names all requirements and the resume has all quotes. */
  const verifyOwn = (claims: Claim[]) => {
    const resume = claims.map(([, quote]) => quote).join('. ')
    const requirements = claims.map(([requirement]) => requirement).join(', ')
    return verifyAnswer(answerOf(claims), { requirements, resume }, 50)
  }
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

  test('is not told of one whose quotes share nothing but numbers with their requirements', async () => {
    const claims: Claim[] = [
      ['Знание ГОСТ 19 и ГОСТ 34', 'ПМИ по 34-й серии'],
      ['Грамотный русский язык', 'Филфак НГУ'],
      ['Документирование API', 'справочники методов'],
    ]
    const { score, review } = await verifyOwn(claims)
    expect(review).toEqual([])
    expect(score.matches).toHaveLength(3)
  })

  test('is not told of one whose quotes tell years and languages by other names', async () => {
    const claims: Claim[] = [
      ['Опыт в турагентстве от 1 года', '2016 — 2025, «Слетать.ру»'],
      ['Английский A2', 'English: Intermediate'],
      ['Системы бронирования', 'Самотур, Андромеда'],
      ['Оформление виз', 'Шенген и Китай: анкеты'],
      ['Unity', 'настраиваю префабы в редакторе Unity'],
      ['Стрессоустойчивость', 'возвращала людей из закрытых стран'],
    ]
    const { review, findings } = await verifyOwn(claims)
    expect(review).toEqual([])
    expect(findings.map(({ related }) => related)).toEqual([true, true, false, false, true, false])
  })

  test('is not told of one in another language', async () => {
    const claims: Claim[] = [
      'Ведение переговоров',
      'Грамотная речь',
      'Обслуживание',
      'Внимательность',
      'Вежливость',
    ].map((requirement, i) => [requirement, `closing deals ${i}`])
    const { review, findings } = await verifyOwn(claims)
    expect(review).toEqual([])
    expect(findings[0]?.related).toBeNull()
  })
})
