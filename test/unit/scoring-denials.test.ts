import { describe, expect, test } from 'vitest'
import { findDenial } from '../../src/scoring/denials.ts'
import { subjectOf } from '../../src/scoring/relatedness.ts'

/** @param quote marked by `[` and `]` in its text, else the whole text */
function denialIn(requirement: string, marked: string): string | null {
  const source = marked.replace(/[[\]]/g, '')
  const [start, end] = [marked.indexOf('['), marked.indexOf(']') - 1]
  const span = start < 0 ? { start: 0, end: source.length } : { start, end }
  return findDenial(requirement, subjectOf(requirement), source, span)
}

describe('the clause of a quote denies its requirement', () => {
  test.each([
    ['Опыт обслуживания лифтов', 'Лифты не обслуживал'],
    ['Сварка аргоном', 'Аргоном варить не умею'],
    ['Ночные смены', 'Ночные смены не рассматриваю'],
    ['Действующая аккредитация', 'аккредитацию ещё не прошёл'],
    ['Сертификат IPMA', 'Сертификат IPMA не сдан'],
    ['AutoCAD', 'AutoCAD — нет'],
    ['AutoCAD', 'AutoCAD: пока не пробовал'],
    ['Права на катер', '[Права на катер] – нет'],
    ['Опыт продаж', 'Продажи: опыта нет, желание есть'],
    ['Категория D', 'Автобус и трамвай — категории D нет'],
    ['Реставрация мебели', 'Мебель (и рамы) не реставрировала'],
    ['Знание SAP', 'В команде был SAP, сам я с ним не работал'],
    ['Готовность к командировкам', 'К командировкам не готова'],
    ['Night shifts', 'Not willing to work nights'],
    ['London based', 'Not [based in London]'],
    ['Terraform', 'Terraform: none'],
    ['Docker', 'I have never used Docker'],
    ['Weekend shifts', 'nights ok – weekends no'],
    ['Rust', 'No hands-on Rust'],
    ['Диплом повара', 'Диплом повара не получен'],
    ['Допуск к госуправлению', 'Допуск не оформлен'],
    ['Опыт холодных звонков', 'С холодными звонками не сталкивалась'],
    ['Scaffolding card', 'Scaffolding card not yet obtained'],
    ['Водительские права', 'Прав нет,но готов учиться'],
    ['Опыт с каменными столешницами', 'Каменную столешницу не ставлю—весит много,без напарника'],
    ['Готовность к вахте', 'На вахту не поеду'],
    ['Kubernetes', 'Kubernetes I have not used, only Docker Swarm'],
    ['Docker', 'Docker (не использовал)'],
    ['Docker', '[Docker] (сам не работал)'],
    ['Docker', 'Docker (в проде не использовал)'],
    ['Docker', 'Docker (not used)'],
    ['Object-oriented design', 'No object-oriented design experience'],
    ['Docker', 'Docker (нет)'],
    ['Docker', '[Docker] (нет опыта)'],
    ['Docker', 'Docker (no experience)'],
    ['Docker', 'Docker не использовал, освоил Podman'],
    ['Kafka', '| Kafka | нет | Redis | да |'],
    ['Kafka', 'Kafka: no · Redis: 3 yrs'],
    // Another clause affirms less than what is required.
    ['Администрирование Windows Server', 'Linux администрирую шесть лет, Windows Server нет'],
    ['Own tools', 'My own car, no tools'],
    ['Diploma in physics', 'I have a diploma in chemistry, not physics'],
    ['Продажи медицинского оборудования', 'Продажи — 8 лет, медицинское оборудование не продавал'],
    ['Permit for explosives', 'permit for firearms, explosives none'],
  ])('%s ← %s', (requirement, text) => {
    expect(denialIn(requirement, text)).toBe('denied')
  })
})

describe('what is planned or being learnt is not there yet', () => {
  test.each([
    ['Удостоверение стропальщика', 'хочу выучиться на стропальщика'],
    ['Права на катер', 'Права на катер получу этим летом'],
    ['Навык УЗИ', 'УЗИ — хотелось бы научиться'],
    ['Spanish', 'Currently learning Spanish'],
    ['Welding certificate', 'Welding certificate in progress'],
    ['Удостоверение машиниста', 'Помощник машиниста, удостоверение получу летом'],
  ])('%s ← %s', (requirement, text) => {
    expect(denialIn(requirement, text)).toBe('planned')
  })
})

describe('a negation that does not deny the requirement is let pass', () => {
  test.each([
    ['Опыт вывода маток', 'Вывод маток освоил не по книжкам'],
    ['Знание вин', 'С винами знакома не понаслышке'],
    ['Работа с маркетри', 'Работал не только с массивом, но и с маркетри'],
    ['Готовность к командировкам', 'Командировки не пугают'],
    ['Готовность работать в пыли', 'Пыли не боюсь'],
    ['Соблюдение сроков', 'сроки не срывал ни разу'],
    ['Отсутствие аллергии', 'Аллергии нет'],
    ['No criminal record', 'No criminal convictions'],
    ['Английский язык', 'Английского хватает, IELTS не сдавал'],
    ['Переезд', 'Проблем с переездом нет'],
    ['Соблюдение конфиденциальности', 'Конфиденциальность соблюдаю — не разглашаю ничего'],
    ['Латынь', 'Латынь читаю, греческий — нет'],
    ['Лечение пчёл', 'Лечение веду без антибиотиков'],
    ['Опыт сварки', 'В мае будет шесть лет, как работаю на сварке'],
    ['Свой автомобиль', 'Если будет нужно, есть свой автомобиль'],
    ['Готовность к вахте', 'На вахту будет ехать удобно'],
    // What will be is a use, a trait or an end of what is there.
    ['Опыт продаж', 'Мой опыт продаж будет вам полезен: 8 лет в рознице'],
    ['Python', 'Мой опыт с Python будет полезен вашей команде'],
    ['Excel', 'My Excel skills will be useful in this role'],
    ['Excel', 'Excel: your reports will be ready on time'],
    ['Leadership', 'My leadership experience will be an asset to your team'],
    ['Опыт вождения', 'Водительский стаж 12 лет, с вождением проблем не будет'],
    ['Переезд', 'Переезд не будет проблемой'],
    ['Night shifts', 'Night shifts will be no problem'],
    ['Сменный график', 'Сменный график мне будет удобен'],
    ['Стаж бухгалтера', 'В мае будет шестой год моей работы бухгалтером'],
    ['Nursing', 'In June it will be a decade of nursing for me'],
    ['Преподавание', 'Преподавание было и будет моим призванием'],
    ['Английский язык', 'Английский был и будет'],
    ['Forecasting', 'Forecasting: built models of how much stock will be sold'],
    ['React', 'In React I built a shop that will be launched in May'],
    ['Опыт вождения', 'Опыт вождения будет в мае 10 лет'],
    ['React', 'Сайт на React будет в мае'],
    ['Reporting', 'I plan reports: each report will be finished by Friday'],
    ['Сертификат сварщика', 'Сертификат сварщика НАКС будет действителен до 2027 года'],
    ['First aid certificate', 'First aid certificate (will be valid until 2028)'],
    ['Driving licence', 'Driving licence will be shown at the interview'],
    ['Портфолио', 'Портфолио будет выслано по запросу'],
    ['French', 'I speak French at C1 and will not be shy'],
    ['Heavy lifting', 'No stranger to heavy lifting'],
    ['Pilot licence', 'was going to take the pilot licence, took it, passed'],
    ['Собаки', '<li>УЗИ хотелось бы освоить</li><li>[Собак дрессирую]</li>'],
    ['Ирригация', 'ирригация, дренаж\nопыта с бюджетом нет'],
    ['Студент технического вуза', 'Учусь на 3 курсе технического вуза'],
    ['GDC registration', 'GDC No. 291, registered technician'],
    // A thing to which no harm has come is there.
    ['Медицинская книжка', 'Медкнижка не просрочена, медицинская книжка не утеряна'],
    ['Действующая лицензия', 'Лицензия не отзывалась и не приостанавливалась'],
    ['Удостоверение сварщика', 'Удостоверение сварщика не истекло'],
    ['Допуск по электробезопасности', 'Допуск ни разу не аннулировали'],
    ['Forklift licence', 'My forklift licence has not expired'],
    ['Security clearance', 'Security clearance not revoked since 2012'],
    ['Немецкий язык', 'Немецкий не забыл, читаю каждый день'],
    ['Spanish', 'I never stopped practising Spanish'],
    ['Сертификат 1С', 'Сертификат 1С (пересдавать не требуется)'],
    // Something else is denied, or a bound.
    ['Perforce', 'Perforce not Git'],
    ['Managing 10+ people', 'I managed not five people but fifteen'],
    ['Commute under 45 minutes', 'My commute is not more than 30 minutes'],
    ['Rust', "I hadn't touched Rust before 2022"],
    ['Опыт работы с алалией', 'с алаликами не работала до 2021 года, сейчас их у меня пятеро'],
    // One of several that are wanted, or all that is wanted, is there.
    ['Photoshop или Figma', 'Photoshop знаю, Figma нет'],
    ['Spring/Quarkus', 'Spring for four years, Quarkus never used'],
    ['Опыт в банке (операционист, кассир)', 'Операционистом в банке два года, кассиром не работала'],
    ['Готовность к командировкам', 'Командировки — да, в декабре не готова'],
    ['Опыт продаж мебели', 'Продаю мебель пять лет, мебель не собираю'],
    ['Nursing degree', 'Nursing degree (2014), no other degree'],
    ['Права категории B', 'Права B, на категорию C учусь'],
    // A parenthesis, a cell or a list has a subject of its own.
    ['Администрирование Linux', 'Администрирование Linux (Windows Server не администрировал)'],
    ['Бухгалтерский учёт', 'Бухгалтерский учёт (кадры не вела)'],
    ['Java', '[Java] (Scala не знаю)'],
    ['Bookkeeping', 'Bookkeeping (payroll was not done by me)'],
    ['Kubernetes', '| Nomad — нет | [Kubernetes] — да |'],
    ['Redis', '| Kafka | нет | [Redis] | да |'],
    ['Redis', 'Kafka: нет / [Redis: 3 года]'],
    ['Tableau', 'Power BI – no · [Tableau – 4 years]'],
    ['Kubernetes', 'Nomad нет [Kubernetes] да'],
    ['Опыт внедрения 1С', 'Внедрил не одну систему 1С'],
    ['Опыт руководства проектами', 'Руководил не одним проектом'],
    ['Photoshop', 'Photoshop (never used Corel)'],
    ['Английский язык', 'Английский (немецкого не знаю)'],
    // The rest of the sentence undoes the denial.
    ['Python', 'Python не изучал в вузе, освоил сам'],
    ['SQL', 'SQL не учил по книгам: освоил на практике за 5 лет'],
    ['Python', "Python wasn't taught at my school, so I learned it myself"],
    // A hindrance, a limit or a need is denied.
    ['Готовность к переезду', 'Не вижу препятствий для переезда'],
    ['Python', 'Языки: including but not limited to [Python]'],
    ['SQL', "I don't need help with SQL"],
    ['Kubernetes', 'Not a beginner in [Kubernetes]'],
    // Other people lack it, or an infinitive names something else.
    ['Работа на кассе', 'Обучал персонал без опыта работе на кассе'],
    ['Teaching English', 'Taught English to pupils with no prior English'],
    ['Битрикс24', 'Битрикс24 (не путать с 1С-Битрикс)'],
    ['Python', 'SQL, not to mention [Python]'],
    ['Budget control', 'Budget control of 12 projects, none of which ran over budget'],
    ['Отработка возражений', 'Отработка возражений «нет денег»'],
    ['Python', 'No solo Docker, también Python'],
    ['Kubernetes', 'Not familiar with Kubernetes at first, now CKA-certified'],
    ['Kubernetes', 'Не было дня, чтобы я не работал с Kubernetes'],
    // Two negations affirm.
    ['Excel', "There is no Excel formula I haven't used"],
    ['CRM', 'Нет такой CRM, с которой я не работал'],
    ['Bitrix', 'Никто, кроме меня, не вёл сайт на Bitrix'],
    ['AutoCAD', 'Не припомню дня, когда не работал бы в AutoCAD'],
    // The requirement is readiness, and experience is denied.
    ['Готовность к удалённой работе', 'Удалённо не работала, но не возражаю'],
    ['Готовность к командировкам', 'В командировки пока не ездил, готов хоть завтра'],
    ['Willingness to travel', 'Have not travelled for work so far; happy to'],
    // A plan that goes beyond what is there already.
    ['IELTS', 'Собираюсь сдать IELTS в третий раз, последний 7.0'],
    ['Высшее образование', 'Планирую получить второе высшее образование, первое — МГУ 2010'],
    ['SAP', 'I plan to learn even more about SAP; seven years in it so far'],
  ])('%s ← %s', (requirement, text) => {
    expect(denialIn(requirement, text)).toBe(null)
  })
})
