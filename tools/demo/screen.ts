/** Renders the demo's output in lines of at most 120 columns. Pure. */
import type { Answer } from './answers.ts'
import type { Audit, Row } from './audit.ts'
import { outcomeOf } from './audit.ts'
import type { Sample } from './samples.ts'

/** Headings, widths, and which way the column leans; the proof takes what is left of the line. */
const TABLE = [
  { head: 'id', width: 16, right: true },
  { head: 'resume', width: 23, right: false },
  { head: 'score', width: 5, right: true },
  { head: 'verdict', width: 11, right: false },
  { head: 'waited', width: 6, right: true },
  { head: 'outcome', width: 18, right: false },
] as const
const GAP = '  '
const TABLE_WIDTH = TABLE.reduce((sum, { width }) => sum + width + GAP.length, 0)
/** Below this many columns a proof gets a line of its own. */
const LEAST_PROOF = 20

/** A letter written as two characters (й as и and a breve) takes one column. */
const letters = new Intl.Segmenter('ru')
export const cells = (text: string) => [...letters.segment(text)].map(({ segment }) => segment)

/** @returns the text in exactly `width` columns, with an ellipsis where it is cut */
export function fit(text: string, width: number, right = false): string {
  const all = cells(text)
  if (all.length > width) return `${all.slice(0, width - 1).join('')}…`
  const space = ' '.repeat(width - all.length)
  return right ? space + text : text + space
}

/** @param sentAtMs when the samples were sent, ms since the epoch @param columns at least 60 */
export function tableLines(rows: readonly Row[], sentAtMs: number, columns: number): string[] {
  const proofWidth = columns - TABLE_WIDTH
  if (proofWidth < LEAST_PROOF) return rows.flatMap((row) => narrowRow(row, sentAtMs, columns))
  const line = (values: readonly string[]) =>
    [...TABLE, { width: proofWidth, right: false }]
      .map(({ width, right }, column) => fit(values[column] ?? '', width, right))
      .join(GAP)
      .trimEnd()
  const rule = [...TABLE.map(({ width }) => width), proofWidth].map((width) => '─'.repeat(width)).join(GAP)
  return [line([...TABLE.map(({ head }) => head), 'proof']), rule, ...rows.map((row) => line(rowCells(row, sentAtMs)))]
}

/** Two lines for a row: what it is and what came of it; and below, when it was answered, the wait, the outcome and the proof. */
function narrowRow(row: Row, sentAtMs: number, columns: number): string[] {
  const [id = '', title = '', score = '', verdict = '', waited = '', outcome = '', proof = ''] = rowCells(row, sentAtMs)
  const told = row.answer?.result.kind === 'score' ? `${score} ${verdict}` : outcome
  const first = [fit(id, 16, true), fit(title, columns - 40), fit(told, 20)].join(GAP)
  const below = row.answer === null ? '' : [waited, outcome, proof].filter((text) => text !== '-').join(GAP)
  return [first, ...(below === '' ? [] : [fit(`${' '.repeat(16)}${GAP}${below}`, columns)])].map((text) =>
    text.trimEnd(),
  )
}

/** @returns a line for each request with a text that tries to instruct the model */
export const flagLines = (rows: readonly Row[]): string[] =>
  rows.flatMap(({ answer }) =>
    answer === null || answer.flags === ''
      ? []
      : [`${answer.id} is flagged, and scored by what is proved: ${answer.flags.replaceAll(',', ', ')}`],
  )

function rowCells({ sample, answer, outcome, proof }: Row, sentAtMs: number): string[] {
  const id = sample.processingId === null ? '-' : sample.processingId.toString()
  if (answer === null) return [id, sample.title, '-', '-', '-', outcome, '-']
  const waited = seconds(answer.atMs - sentAtMs)
  const { result } = answer
  if (result.kind === 'failure') return [id, sample.title, '-', '-', waited, outcome, '-']
  const shown = proof === null ? (result.matches.length === 0 ? 'nothing is proved' : result.matches[0]) : `«${proof}»`
  return [id, sample.title, result.score.toString(), result.verdict, waited, outcome, shown ?? '-']
}

const seconds = (ms: number) => `${(Math.max(0, ms) / 1_000).toFixed(1)} s`

/** @param count such as `3/25`: how many have come, of how many @returns the line for an answer that has just come */
export function answerLine(answer: Answer, sample: Sample | undefined, count: string, columns: number): string {
  const { result } = answer
  const what = result.kind === 'score' ? `${fit(String(result.score), 3, true)}  ${result.verdict}` : outcomeOf(answer)
  return arrival(answer.id.toString(), sample, what, count, columns)
}

/** @returns the line for a dead letter that has just come */
export const deadLetterLine = (reason: string, sample: Sample | undefined, count: string, columns: number): string =>
  arrival('-', sample, `dead letter: ${reason}`, count, columns)

function arrival(id: string, sample: Sample | undefined, what: string, count: string, columns: number): string {
  const title = fit(sample?.title ?? '', Math.min(23, columns - 49))
  return fit([`  ${fit(count, 5, true)}`, fit(id, 16, true), title, what].join(GAP), columns).trimEnd()
}

export interface Progress {
  done: number
  all: number
  inFlight: number
  requests: number
  tokens: number
}

const thousands = (count: number) => count.toLocaleString('en')

/** @returns the progress and the cost so far, for the line that changes */
export const progressLine = ({ done, all, inFlight, requests, tokens }: Progress, budget: Budget): string =>
  `  ${done}/${all} done, ${inFlight} in flight, used ${requests}/${budget.OPENAI_RPM} requests, ${thousands(tokens)}/${thousands(budget.OPENAI_TPM)} tokens`

interface Budget {
  OPENAI_RPM: number
  OPENAI_TPM: number
}

export function auditLines(figures: Audit): string[] {
  const { deadLetterReasons: reasons } = figures
  const row = (name: string, figure: number, more = '') => `  ${fit(name, 14)}${fit(String(figure), 4, true)}  ${more}`
  const untold = figures.calls - figures.paid
  // The killed worker may have put an answer into the cache, but not yet stored it as the request's.
  const how = figures.rows.some(({ answer }) => answer?.cached === true) ? 'repeated or cached' : 'repeated'
  const died = untold > 0 ? `, ${untold} not stored when the worker died (${how})` : ''
  return [
    'Audit, read back from Kafka (read committed):',
    row('requests', figures.rows.length, `${figures.ids} ids, one of them sent twice, and a broken message`),
    row('answered once', figures.answeredOnce, `of ${figures.ids}`),
    row('lost', figures.lost),
    row('doubled', figures.doubled),
    row('dead letters', reasons.length, reasons.join(', ')),
    row('model calls', figures.calls, `at the stand-in; ${figures.paid} paid for outcomes${died}`),
  ].map((text) => text.trimEnd())
}
