/** Whether two words are of one root, by their stems. Russian changes more of a word than its ending, and people shorten words. */

/** So many letters in common make long stems akin. */
const LONG = 5

/** Consonants that take each other's place at the end of a Russian root: "стричь", "стригу", "стрижка". */
const ALTERNATING = ['гжз', 'кч', 'хшс', 'дж', 'тчщ']
const alternate = (one = '', other = '') => ALTERNATING.some((row) => row.includes(one) && row.includes(other))

/** Endings that make a verb of a noun, and a noun of a verb: "интубация" and "интубировать", "сварка" and "сварщик". */
const DERIVED = /(?<=.{4})(?:изац|изирова|изирован|ац|ирова|ирован|ова|ован|ыва|ыван|ива|иван|ени|ани|ств|щик|чик|тел)$/
/** In long roots "о" becomes "а" when something is done again and again: "разработка", "разрабатывать". */
const LONG_ROOT = 7

function rootsOf(one: string, other: string): [short: string, long: string] {
  const roots = [one, other].map((stem) => stem.replace(DERIVED, ''))
  const areLong = roots.every(({ length }) => length >= LONG_ROOT)
  const [short = '', long = ''] = roots
    .map((root) => (areLong ? root.replaceAll('о', 'а') : root))
    .toSorted((a, b) => a.length - b.length)
  return [short, long]
}

/** @returns whether two stems are of one root: "ноч" and "ночн", "управля" and "управлен", "стриг" and "стрижк". */
export function isAkin(one: string, other: string): boolean {
  const [short, long] = rootsOf(one, other)
  if (long === short || long === `${short}н`) return true
  let same = 0
  while (same < short.length && short[same] === long[same]) same += 1
  if (same >= 4 && same === short.length - 1 && alternate(short[same], long[same])) return long.length - same <= 3
  return same === short.length ? same >= 4 : same >= LONG && long.length - same <= 2
}

/** @returns whether a word is abbreviated from two of the requirement's, or the other way round: "медкнижка" and "медицинская книжка". */
export const isCompound = (word: string, stem: string, stems: readonly string[]): boolean =>
  endsIn(stem, word) ||
  (endsIn(word, stem) && stems.some((each) => each !== stem && each.startsWith(word.slice(0, -stem.length))))

/** @returns whether a word is the short one for a car. What else begins with it ("автоматизация") is something else */
export const isCar = (word: string, stem: string): boolean => word === 'авто' && stem.startsWith('автомоб')

const endsIn = (long: string, end: string) => end.length >= LONG && long.length - end.length >= 3 && long.endsWith(end)
