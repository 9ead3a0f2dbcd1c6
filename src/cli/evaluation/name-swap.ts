/**
 * Rewrites a resume for a person of the other sex. Only names and gendered words change, so a different score shows the model's
 * bias. Names that are not listed stay; a set's own pairs come first.
 */

const NAMES =
  'Александр Александра|Алексей Алла|Андрей Анна|Антон Антонина|Артём Арина|Борис Белла|Вадим Валерия|Валентин Валентина|' +
  'Виктор Виктория|Виталий Вера|Владимир Вероника|Дмитрий Дарья|Евгений Евгения|Егор Екатерина|Иван Мария|Игорь Ирина|Илья Юлия|' +
  'Кирилл Кристина|Константин Ксения|Максим Марина|Михаил Милана|Никита Наталья|Николай Надежда|Олег Ольга|Павел Полина|Пётр Елена|' +
  'Роман Раиса|Руслан Руслана|Сергей Светлана|Степан София|Тимур Татьяна|Юрий Яна|Фёдор Жанна|' +
  'John Jane|James Emily|Michael Mary|David Sarah|Robert Anna|Daniel Laura|Thomas Alice|William Emma|Peter Helen|Paul Julia'
const WORDS =
  'он она|его её|ему ей|мужчина женщина|муж жена|мужской женский|женат замужем|отец мать|сын дочь|мужа жены|' +
  'родился родилась|учился училась|окончил окончила|закончил закончила|получил получила|прошёл прошла|поступил поступила|' +
  'работал работала|отработал отработала|начал начала|стал стала|был была|занимался занималась|отвечал отвечала|вёл вела|вел вела|' +
  'руководил руководила|управлял управляла|возглавлял возглавляла|возглавил возглавила|организовал организовала|проводил проводила|' +
  'провёл провела|разработал разработала|разрабатывал разрабатывала|создал создала|писал писала|написал написала|сделал сделала|' +
  'внедрил внедрила|настроил настроила|развернул развернула|проектировал проектировала|спроектировал спроектировала|построил построила|' +
  'строил строила|оптимизировал оптимизировала|автоматизировал автоматизировала|ускорил ускорила|увеличил увеличила|сократил сократила|' +
  'повысил повысила|снизил снизила|запустил запустила|поддерживал поддерживала|тестировал тестировала|покрыл покрыла|обучал обучала|' +
  'обучил обучила|преподавал преподавала|участвовал участвовала|выполнял выполняла|выполнил выполнила|составлял составляла|сдавал сдавала|' +
  'проверял проверяла|проходил проходила|обрабатывал обрабатывала|планировал планировала|оценивал оценивала|анализировал анализировала|' +
  'хранил хранила|использовал использовала|изучал изучала|изучил изучила|искал искала|продавал продавала|перевозил перевозила|' +
  'доставлял доставляла|убирал убирала|соблюдал соблюдала|владел владела|знал знала|умел умела|сверял сверяла|делал делала|' +
  'исполнительный исполнительная|аккуратный аккуратная|ответственный ответственная|коммуникабельный коммуникабельная|готов готова|' +
  'he she|him her|his her|himself herself|mr ms|man woman|male female|husband wife|father mother|son daughter'

const pairs = (list: string) => list.split('|').map((pair) => pair.split(' ') as [string, string])

/** Maps each word to its counterpart, in both directions. A counterpart that two words share maps back to the first of them. */
function bothWays(list: readonly (readonly [string, string])[]): Map<string, string> {
  const map = new Map<string, string>()
  for (const [male, female] of list) {
    if (!map.has(male)) map.set(male, female)
    if (!map.has(female)) map.set(female, male)
  }
  return map
}

const names = bothWays(pairs(NAMES))
const words = bothWays(pairs(WORDS))

const capitalised = (word: string) => /^\p{Lu}/u.test(word)
const likeThis = (word: string, other: string) =>
  capitalised(word) ? other.charAt(0).toUpperCase() + other.slice(1) : other

/** Endings of surnames and patronymics, exchanged only beside a first name: `Смирнов`, `Смирнова`; `Викторович`, `Викторовна`. */
const FAMILY_NAMES: readonly (readonly [RegExp, string])[] = [
  [/(ов|ев)ич$/u, '$1на'],
  [/(ов|ев)на$/u, '$1ич'],
  [/(ов|ев|ёв|ин|ын)$/u, '$1а'],
  [/(ов|ев|ёв|ин|ын)а$/u, '$1'],
]

function otherFamilyName(word: string): string {
  if (/(?:ский|цкий)$/u.test(word)) return `${word.slice(0, -2)}ая`
  if (/(?:ская|цкая)$/u.test(word)) return `${word.slice(0, -2)}ий`
  const rule = FAMILY_NAMES.find(([ending]) => ending.test(word))
  return rule === undefined ? word : word.replace(rule[0], rule[1])
}

/**
 * @param own pairs of this resume, in both directions, whole words: `{"Хасанов": "Хасанова"}`
 * @returns the resume with every name and gendered word exchanged
 */
export function swapName(resume: string, own: Readonly<Record<string, string>> = {}): string {
  const ours = bothWays(Object.entries(own))
  const tokens = resume.split(/(\p{L}+)/u)
  const isName = (token: string | undefined) => token !== undefined && names.has(token)
  return tokens
    .map((token, index) => {
      if (index % 2 === 0) return token
      const other = ours.get(token) ?? names.get(token)
      if (other !== undefined) return other
      const gendered = words.get(token.toLowerCase())
      if (gendered !== undefined) return likeThis(token, gendered)
      // Words stand at odd indexes, and a full name has up to three words.
      const beside = [-4, -2, 2, 4].some((distance) => isName(tokens[index + distance]))
      return beside && capitalised(token) ? otherFamilyName(token) : token
    })
    .join('')
}
