/** The stand-in's opinion of a resume: the same for the same texts, and based on nothing but the texts. */
import { splitRequirements } from './requirements.ts'
import type { Texts } from './texts.ts'

export interface Finding {
  requirement: string
  /** Copied from the resume character by character; empty when nothing was found. */
  quote: string
  evidence: 'stated' | 'not_mentioned'
}

export interface Answer {
  requirements: Finding[]
  /** 0 to 100 */
  score: number
  recommendation: string
}

const MAX_QUOTE_CHARS = 160

/** The share of a requirement's weighted words that the resume must contain for the requirement to count as met. */
const SHARE_OF_WORDS = 0.6

/** Separates alternatives, of which one is enough. */
const ALTERNATIVES = /\s(или|либо|or)\s/i

/** Words that every vacancy uses. They prove nothing. */
const EMPTY_WORDS = new Set(
  (
    'опыт опыта работы работа работать знание знания знать умение уверенное уверенный владение понимание принципов навыки ' +
    'хорошее отличное глубокое лет года год или для при над под как что это наличие желательно будет плюсом ' +
    'уровень уровне уровня готовность от до не более менее свыше или либо на со из по мы вы ' +
    'and the with for our you are have has experience knowledge strong good excellent years year skills skill ability ' +
    'working work understanding solid proven plus least proficiency proficient using level or in of to at an'
  ).split(' '),
)

const WORD = /[\p{L}\p{N}][\p{L}\p{N}+#]*(?:[.-][\p{L}\p{N}]+)*/gu

/** Inflected forms of a word get one stem: Russian words by their first five letters, English plurals without the s. */
function stem(word: string): string {
  const lower = word.toLowerCase().replaceAll('ё', 'е')
  if (/^[а-я]{6,}$/.test(lower)) return lower.slice(0, 5)
  return /^[a-z]{4,}s$/.test(lower) ? lower.slice(0, -1) : lower
}

/** @returns the weight of these words: Latin ones, mostly names of technologies, count double */
const weightOf = (words: readonly string[]) => words.reduce((sum, word) => sum + (/^[a-z]/.test(word) ? 2 : 1), 0)

function telling(requirement: string): string[] {
  const words = requirement.match(WORD) ?? []
  const said = words.filter((word) => /\p{L}.|.\p{L}/u.test(word) && !EMPTY_WORDS.has(word.toLowerCase()))
  return [...new Set((said.length > 0 ? said : words).map(stem))]
}

interface Passage {
  start: number
  end: number
}

/** Where each stem stands, and the sentences and lines that a quote may be taken from. */
function index(resume: string) {
  const places = new Map<string, number[]>()
  for (const match of resume.matchAll(WORD)) {
    const key = stem(match[0])
    const known = places.get(key)
    if (known === undefined) places.set(key, [match.index])
    else known.push(match.index)
  }
  const passages: Passage[] = []
  for (const match of resume.matchAll(/[^\n.;!?]+(?:[.!?](?=\S)[^\n.;!?]+)*[.!?]?/g)) {
    passages.push({ start: match.index, end: match.index + match[0].length })
  }
  return { places, passages }
}

/** The passage around `place`, cut at a word's edge to the length of a quote. */
function quoteAround(resume: string, passages: readonly Passage[], place: number): string {
  let low = 0
  let high = passages.length - 1
  while (low < high) {
    const middle = Math.ceil((low + high) / 2)
    if ((passages[middle]?.start ?? 0) <= place) low = middle
    else high = middle - 1
  }
  const passage = passages[low] ?? { start: place, end: resume.length }
  const long = passage.end - passage.start > MAX_QUOTE_CHARS
  const start = long && place - passage.start > MAX_QUOTE_CHARS / 2 ? place : passage.start
  const quote = resume.slice(start, Math.min(passage.end, start + MAX_QUOTE_CHARS))
  return (long ? quote.replace(/\s+\S*$/u, '') : quote).trim()
}

const stemsOf = (text: string) => new Set([...text.matchAll(WORD)].map(([word]) => stem(word)))

function judge(requirement: string, resume: string, { places, passages }: ReturnType<typeof index>): Finding {
  const words = telling(requirement)
  const found = words.filter((word) => places.has(word))
  const enough = ALTERNATIVES.test(requirement) ? 1 : Math.max(1, weightOf(words) * SHARE_OF_WORDS)
  if (weightOf(found) < enough) return { requirement, quote: '', evidence: 'not_mentioned' }
  // Each word's first position is a candidate; the passage that contains the most words is the best proof.
  let best = { quote: '', weight: 0 }
  for (const word of found) {
    const quote = quoteAround(resume, passages, places.get(word)?.[0] ?? 0)
    const said = stemsOf(quote)
    const weight = weightOf(found.filter((other) => said.has(other)))
    if (weight > best.weight) best = { quote, weight }
  }
  return { requirement, quote: best.quote, evidence: best.quote === '' ? 'not_mentioned' : 'stated' }
}

/** The prompt's own rules: the share of met requirements, capped at 40 below 3 met and at 20 below 2. */
function scoreOf(met: number, all: number): number {
  const share = all === 0 ? 0 : Math.round((100 * met) / all)
  if (met <= 1) return Math.min(share, 20)
  return met < 3 ? Math.min(share, 40) : share
}

const isMet = ({ evidence }: Finding) => evidence === 'stated'

function recommend(findings: readonly Finding[], score: number): string {
  const missing = findings.filter((finding) => !isMet(finding)).map(({ requirement }) => `«${requirement}»`)
  const proved = `В резюме подтверждено требований: ${findings.length - missing.length} из ${findings.length}.`
  if (missing.length === 0) return `${proved} Рекомендуется пригласить кандидата на собеседование.`
  const named = missing.slice(0, 2).join(' и ')
  return score >= 50
    ? `${proved} Рекомендуется пригласить на собеседование и уточнить: ${named}.`
    : `${proved} Кандидат не рекомендуется: не подтверждено ${named}.`
}

/**
 * Compares a resume with a vacancy. A requirement counts as met when the resume contains at least 60 % of its significant words (Latin
 * ones count double), in any inflection; or one of these words, where the requirement names alternatives.
 * @returns the answer in the worker's own schema; equal texts give equal answers
 */
export function answer({ requirements, resume }: Texts): Answer {
  const known = index(resume)
  const findings = splitRequirements(requirements).map((requirement) => judge(requirement, resume, known))
  const score = scoreOf(findings.filter(isMet).length, findings.length)
  return { requirements: findings, score, recommendation: recommend(findings, score) }
}
