/**
 * Estimates how many tokens a prompt will be billed as. A tokenizer would have to be the model's own, and BPE takes seconds for
 * texts that are crafted against it. Instead, runs of characters are weighted by their kind, and the sum is corrected by what was
 * billed before. For resumes and OpenAI's o200k_base (gpt-4o and later), the weights are some percent too high. A text that is
 * crafted to cost more (random letters) is billed up to four times its estimate: the budget settles that as a debt.
 */
import type { Question } from './reply.ts'
import { remember } from '../lib/remember.ts'

/** The parts of a question that are billed as its prompt. */
type PromptParts = Pick<Question, 'messages' | 'schema'>

/** The script of most of a prompt. Estimates are corrected for each, since other tokenizers know less Russian than English. */
export type Writing = 'latin' | 'cyrillic' | 'other'

export interface Estimate {
  /** Tokens to reserve for the prompt. */
  tokens: number
  /** Tokens by the weights alone. */
  raw: number
  writing: Writing
}

/** Billed tokens for each raw token. */
export interface Ratio {
  mean: number
  /** Mean absolute deviation. */
  deviation: number
  /** How many prompts the ratio was learned from; counted up to `MEMORY`. */
  count: number
}

export type Learned = Partial<Record<Writing, Ratio>>

const SPACE = 0
const LINE = 1
const LOWER = 2
const UPPER = 3
const DIGIT = 4
const SIGN = 5
const CYRILLIC = 6
const CYRILLIC_UPPER = 7
const LETTER = 8
const WIDE = 9
const HALF = 10

function kindOfAscii(code: number): number {
  if (code === 10 || code === 13) return LINE
  if (code <= 32) return SPACE
  const character = String.fromCharCode(code)
  if (/[a-z]/.test(character)) return LOWER
  if (/[A-Z]/.test(character)) return UPPER
  return /\d/.test(character) ? DIGIT : SIGN
}

function kindOf(code: number): number {
  if (code < 128) return kindOfAscii(code)
  if (code >= 0x410 && code <= 0x42f) return CYRILLIC_UPPER
  if (code >= 0x400 && code <= 0x52f) return CYRILLIC
  if (code < 0xc0) return SIGN
  if (code < 0x250) return LOWER
  if (code >= 0xd800 && code < 0xe000) return HALF
  if (code >= 0x2000 && code < 0x2e80) return SIGN
  return code >= 0x2e80 ? WIDE : LETTER
}

/** The kind of each UTF-16 code unit. */
const kinds = Uint8Array.from({ length: 65_536 }, (_, code) => kindOf(code))

/** @returns the tokens of a run of characters of one kind, measured on o200k_base */
function costOf(kind: number, length: number, nextIsDigit: boolean): number {
  switch (kind) {
    case SPACE:
      // A single space is part of the next word's token, but not of a number's.
      return length > 1 ? 1 + length / 64 : nextIsDigit ? 1 : 0
    case LINE:
      return 1 + length / 32
    case LOWER:
      // A word of up to about eight letters is one token; more than sixteen letters are no word of a language.
      return length <= 16 ? 1 + Math.max(0, length - 7) * 0.12 : length / 2
    case UPPER:
      return 1 + Math.max(0, length - 4) * 0.25
    case DIGIT:
      return Math.ceil(length / 3)
    case SIGN:
      // Longer runs are mostly one repeated character, such as a line of dashes.
      return length <= 3 ? length * 0.85 : 2.5 + Math.min(length - 3, 64) / 4 + Math.max(0, length - 67) / 32
    case CYRILLIC:
      return length <= 24 ? 1.05 + Math.max(0, length - 3) * 0.2 : length / 2
    case CYRILLIC_UPPER:
      return length === 1 ? 0.25 : length * 0.68
    case WIDE:
      return length * 0.9
    case HALF:
      return length * 1.1
    default:
      return length * 0.5
  }
}

type Costs = Float64Array

/** @returns the tokens of a text for each kind of character */
function count(text: string): Costs {
  const costs = new Float64Array(HALF + 1)
  let start = 0
  let kind = text === '' ? SPACE : (kinds[text.charCodeAt(0)] ?? SPACE)
  for (let i = 1; i <= text.length; i += 1) {
    const next = i < text.length ? (kinds[text.charCodeAt(i)] ?? SPACE) : -1
    if (next === kind) continue
    // A capital letter belongs to the word that it begins.
    if (!(kind === UPPER && next === LOWER && i - start === 1)) {
      costs[kind] = (costs[kind] ?? 0) + costOf(kind, i - start, next === DIGIT)
      start = i
    }
    kind = next
  }
  return costs
}

/** Instructions and schema are the same in all prompts of a configuration, so they are counted once. */
const countOnce = remember(count, { most: 8, maxChars: Infinity })

/** All prompts share one schema, so its text is made once. */
let lastSchema: { schema: object; text: string } | null = null

function textOf(schema: { schema: object }): string {
  if (lastSchema?.schema !== schema.schema) lastSchema = { schema: schema.schema, text: JSON.stringify(schema) }
  return lastSchema.text
}

/** Tokens that the chat format adds to each message and to the whole prompt. */
const PER_MESSAGE = 4
const PER_PROMPT = 3

function measure({ messages, schema }: PromptParts): { raw: number; writing: Writing } {
  const parts = messages.map(({ role, content }) => (role === 'system' ? countOnce(content) : count(content)))
  if (schema !== null) parts.push(countOnce(textOf(schema)))
  const sum = (...of: number[]) =>
    of.reduce((total, kind) => parts.reduce((all, costs) => all + (costs[kind] ?? 0), total), 0)
  const cyrillic = sum(CYRILLIC, CYRILLIC_UPPER)
  const latin = sum(LOWER, UPPER)
  const other = sum(LETTER, WIDE, HALF)
  const raw = PER_PROMPT + PER_MESSAGE * messages.length + sum(SPACE, LINE, DIGIT, SIGN) + cyrillic + latin + other
  return { raw, writing: other > cyrillic + latin ? 'other' : cyrillic > latin ? 'cyrillic' : 'latin' }
}

/** The models whose tokenizer the weights were measured on. */
const O200K = /^(?:chatgpt-4o|gpt-4o|gpt-4\.[15]|gpt-[5-9]|o\d)/
const FIRST_FACTOR: Record<Writing, number> = { latin: 1.05, cyrillic: 1.08, other: 1.2 }
/** Other tokenizers need up to twice as many tokens for Russian. */
const FIRST_FACTOR_UNKNOWN: Record<Writing, number> = { latin: 1.2, cyrillic: 1.8, other: 2 }

/** The estimate is this many mean deviations above the mean. */
const DEVIATIONS = 3
/** About how many recent prompts the ratio is averaged over. */
const MEMORY = 16
/** The bounds of a single prompt's ratio, whatever the server bills, while few prompts are known. */
const RATIO_MIN = 0.2
const RATIO_MAX = 6

/** A prompt that was billed as less than this share of its expected tokens was cut off by the server. */
const CUT_BELOW = 0.5
/** The same once the ratio was learned from `KNOWN_AFTER` prompts. */
const CUT_BELOW_KNOWN = 0.7
const KNOWN_AFTER = 4

const bound = (value: number, low: number, high: number) => Math.min(high, Math.max(low, value))

function update(known: Ratio | undefined, billedPerRaw: number): Ratio {
  if (known === undefined) {
    const mean = bound(billedPerRaw, RATIO_MIN, RATIO_MAX)
    return { mean, deviation: mean * 0.05, count: 1 }
  }
  // One unusual text must not raise the estimates of all others for long.
  const ratio =
    known.count < 4
      ? bound(billedPerRaw, RATIO_MIN, RATIO_MAX)
      : bound(billedPerRaw, known.mean / 1.5, known.mean * 1.5)
  const weight = Math.max(1 / (known.count + 1), 1 / MEMORY)
  const mean = known.mean + weight * (ratio - known.mean)
  const deviation = known.deviation + weight * (Math.abs(ratio - known.mean) - known.deviation)
  return { mean, deviation: Math.max(deviation, mean * 0.005), count: Math.min(known.count + 1, MEMORY) }
}

/**
 * @param model as configured: its name decides the first estimates
 * @param learned ratios of an earlier estimator for this model
 */
export function createTokenEstimator(model: string, learned: Learned = {}) {
  const ratios: Learned = { ...learned }
  const first = O200K.test(model) ? FIRST_FACTOR : FIRST_FACTOR_UNKNOWN

  /** Takes about 10 ms for a million characters of any kind. */
  function estimate(prompt: PromptParts): Estimate {
    const { raw, writing } = measure(prompt)
    const ratio = ratios[writing]
    const factor = ratio === undefined ? first[writing] : ratio.mean + DEVIATIONS * ratio.deviation
    return { tokens: Math.ceil(raw * factor), raw, writing }
  }

  /** @param promptTokens as billed; ignored unless positive */
  function learn({ raw, writing }: Estimate, promptTokens: number): void {
    if (!Number.isFinite(promptTokens) || promptTokens <= 0) return
    ratios[writing] = update(ratios[writing], promptTokens / raw)
  }

  /**
   * Whether so few tokens were billed that the server must have cut the prompt off, as some do without an error. Texts and
   * tokenizers alone do not differ by that much.
   */
  function isCut({ raw, writing }: Estimate, promptTokens: number): boolean {
    const { mean, count } = ratios[writing] ?? { mean: 1, count: 0 }
    const share = count >= KNOWN_AFTER ? CUT_BELOW_KNOWN : CUT_BELOW
    return promptTokens > 0 && promptTokens < raw * mean * share
  }

  return { estimate, learn, isCut, learned: (): Learned => ({ ...ratios }) }
}

export type TokenEstimator = ReturnType<typeof createTokenEstimator>
