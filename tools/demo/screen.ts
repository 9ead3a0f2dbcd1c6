/** How the demo looks: lines of at most 120 columns. Pure. */
import type { Answer } from './answers.ts'
import type { Audit, Row } from './audit.ts'
import { outcomeOf } from './audit.ts'
import type { Sample } from './samples.ts'

/** As wide as its longest line may be. */
export const COLUMNS = 120

/** Headings, widths, and which way the column leans. */
const TABLE = [
  { head: 'id', width: 16, right: true },
  { head: 'resume', width: 23, right: false },
  { head: 'score', width: 5, right: true },
  { head: 'verdict', width: 11, right: false },
  { head: 'matches', width: 29, right: false },
  { head: 'waited', width: 6, right: true },
  { head: 'outcome', width: 18, right: false },
] as const

/** A letter written as two characters (й as и and a breve) takes one column. */
const letters = new Intl.Segmenter('ru')
const cells = (text: string) => [...letters.segment(text)].map(({ segment }) => segment)

/** @returns the text in exactly `width` columns, with an ellipsis where it is cut */
export function fit(text: string, width: number, right = false): string {
  const all = cells(text)
  if (all.length > width) return `${all.slice(0, width - 1).join('')}…`
  const space = ' '.repeat(width - all.length)
  return right ? space + text : text + space
}

const line = (values: readonly string[]) =>
  TABLE.map(({ width, right }, column) => fit(values[column] ?? '', width, right))
    .join('  ')
    .trimEnd()

/** @param sentAtMs when the samples were sent, ms since the epoch */
export function tableLines(rows: readonly Row[], sentAtMs: number): string[] {
  const rule = TABLE.map(({ width }) => '─'.repeat(width)).join('  ')
  return [line(TABLE.map(({ head }) => head)), rule, ...rows.map((row) => line(rowCells(row, sentAtMs)))]
}

/** @returns a line for each text that tries to instruct the model */
export const flagLines = (rows: readonly Row[]): string[] =>
  rows.flatMap(({ answer }) =>
    answer === null || answer.flags === ''
      ? []
      : fit(
          `${answer.id} is flagged, and scored by what is proved: ${answer.flags.replaceAll(',', ', ')}`,
          COLUMNS,
        ).trimEnd(),
  )

function rowCells({ sample, answer, outcome }: Row, sentAtMs: number): string[] {
  const id = sample.processingId === null ? '-' : sample.processingId.toString()
  if (answer === null) return [id, sample.title, '-', '-', '-', '-', outcome]
  const waited = seconds(answer.atMs - sentAtMs)
  const { result } = answer
  if (result.kind === 'failure') return [id, sample.title, '-', '-', '-', waited, outcome]
  // The short ones say most in a narrow column.
  const matches = result.matches.toSorted((a, b) => a.length - b.length).join(', ')
  const counted = matches === '' ? '0' : `${result.matches.length}: ${matches}`
  return [id, sample.title, result.score.toString(), result.verdict, counted, waited, outcome]
}

const seconds = (ms: number) => `${(Math.max(0, ms) / 1_000).toFixed(1)} s`

/** @returns the line for an answer that has just come: the `done`th of `all` */
export function answerLine(answer: Answer, sample: Sample | undefined, done: number, all: number): string {
  const { result } = answer
  const what = result.kind === 'score' ? `${fit(String(result.score), 3, true)}  ${result.verdict}` : outcomeOf(answer)
  return arrival(answer.id.toString(), sample, what, `${done}/${all}`)
}

/** @returns the line for a dead letter that has just come */
export function deadLetterLine(reason: string, sample: Sample | undefined, done: number, all: number): string {
  return arrival('-', sample, `dead letter: ${reason}`, `${done}/${all}`)
}

const arrival = (id: string, sample: Sample | undefined, what: string, count: string) =>
  `  ${fit(count, 5, true)}  ${fit(id, 16, true)}  ${fit(sample?.title ?? '', 23)}  ${what}`

export function auditLines(figures: Audit): string[] {
  const { deadLetterReasons: reasons } = figures
  const row = (name: string, figure: number, more = '') => `  ${fit(name, 14)}${fit(String(figure), 4, true)}  ${more}`
  return [
    'Audit, read back from Kafka (read committed):',
    row('requests', figures.rows.length, `${figures.ids} ids, one of them sent twice, and a broken message`),
    row('answered once', figures.answeredOnce, `of ${figures.ids}`),
    row('lost', figures.lost),
    row('doubled', figures.doubled),
    row('dead letters', reasons.length, reasons.join(', ')),
    row('model calls', figures.calls, `counted by the stand-in; ${figures.paid} paid from the budget`),
  ].map((text) => text.trimEnd())
}
