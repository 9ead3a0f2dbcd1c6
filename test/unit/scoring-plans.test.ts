import { describe, expect, test } from 'vitest'
import { denialIn } from './denial-in.ts'

describe('what is planned or being learnt is not there yet', () => {
  test.each([
    ['Удостоверение стропальщика', 'хочу выучиться на стропальщика'],
    ['Права на катер', 'Права на катер получу этим летом'],
    ['Навык УЗИ', 'УЗИ — хотелось бы научиться'],
    ['Spanish', 'Currently learning Spanish'],
    ['Welding certificate', 'Welding certificate in progress'],
    ['Удостоверение машиниста', 'Помощник машиниста, удостоверение получу летом'],
    // A wish, an intention, readiness or a beginning, and a verb or a noun for getting it.
    ['Docker', 'Хотел бы поработать с Docker'],
    ['Docker', 'Есть желание изучить Docker'],
    ['Docker', 'Надеюсь освоить Docker на новом месте'],
    ['Docker', 'Готова быстро научиться работать с Docker'],
    ['Docker', 'Docker пока только изучаю'],
    ['Docker', 'Недавно начал изучать Docker'],
    ['Docker', 'Docker — на стадии изучения'],
    ['Курсы первой помощи', 'Записалась на курсы первой помощи'],
    ['Медкнижка', 'Медкнижку готов оформить'],
    ['Медкнижка', 'Медкнижка в процессе оформления'],
    ['Сертификат ISTQB', 'Готовлюсь к сертификации ISTQB'],
    ['Высшее образование', 'Поступаю в вуз за высшим образованием'],
    ['Управление командой', 'Хочу вырасти до управления командой'],
    ['Ansible', 'Ansible изучаю'],
    ['Ansible', 'Ansible | начал разбираться весной'],
    ['Ansible', 'Ansible — моя ближайшая цель'],
    ['Медкнижка', 'Медкнижку оформлю при необходимости'],
    ['Docker', 'Looking forward to learning Docker'],
    ['Docker', 'Taking an evening class in Docker'],
    ['Docker', 'I am thinking about learning Docker'],
    ['Notary exam', 'Notary exam: booked for June'],
    ['Docker', 'Open to learning Docker'],
    ['Docker', 'Just started learning Docker'],
    ['Docker', 'Currently taking a Docker course'],
    ['Docker certificate', 'Docker exam scheduled for May'],
    ['Docker certificate', 'Working towards a Docker certification'],
    ['Docker', 'Docker: planned'],
    ['Forklift licence', 'Forklift licence pending'],
  ])('%s ← %s', (requirement, text) => {
    expect(denialIn(requirement, text)).toBe('planned')
  })
})

describe('who plans, wishes or is ready otherwise has it, or offers it', () => {
  test.each([
    ['Планирование закупок', 'Планирую закупки на год вперёд'],
    ['Обучение персонала', 'Планирую обучение персонала и провожу его'],
    ['Наставничество', 'Готов обучать и дальше: наставник 12 стажёров'],
    ['Преподавание английского', 'Учу детей английскому 6 лет'],
    ['Python', 'Начал изучать Python в 2014, сейчас основной язык'],
    ['Ремонт квартир', 'Сделаю ремонт квартир под ключ'],
    ['Сдача отчётности', 'Сдаю отчётность в ФНС'],
    ['Прохождение медосмотра', 'Готов пройти медосмотр'],
    ['Сменный график', 'Хочу сменный график'],
    ['Автоматизация тестирования', 'Автоматизировал тесты в процессе разработки'],
    ['Способность быстро учиться', 'Быстро учусь'],
    ['Опыт продаж', 'Хочу расти в продажах, 5 лет опыта'],
    ['Опыт продаж', 'Мечтаю стать лучшим в продажах, уже три года лучший в отделе'],
    ['Вязание', 'Вязание: следующая цель — открыть магазин, вяжу 10 лет'],
    ['Java', 'Java: учу студентов три года'],
    ['Customer service', 'Going to work with customers is what I do best'],
    ['Recruitment', 'Recruitment pipeline: 30 candidates pending'],
    ['Event planning', '200+ events planned'],
    ['Event planning', 'Planned for and ran 30 events'],
    ['Scheduling', 'Meetings scheduled for the board every month'],
    ['Project management', 'Projects in progress: 4, delivered: 22'],
    ['Night shifts', 'Willing to take night shifts'],
    ['Heavy lifting', 'I will take on any heavy lifting'],
    ['Meeting targets', 'Always working towards targets and beating them'],
    ['Patient enrolment', 'Enrolled 40 patients in trials'],
    ['PhD', 'Enrolled in the PhD programme 2012, graduated 2016'],
    ['Sales', 'Hope to bring my sales record to your team'],
    ['Driving licence', 'Driving licence pending renewal, valid until 2027'],
    // A plan that goes beyond what is there already.
    ['IELTS', 'Собираюсь сдать IELTS в третий раз, последний 7.0'],
    ['Высшее образование', 'Планирую получить второе высшее образование, первое — МГУ 2010'],
    ['SAP', 'I plan to learn even more about SAP; seven years in it so far'],
  ])('%s ← %s', (requirement, text) => {
    expect(denialIn(requirement, text)).toBe(null)
  })
})
