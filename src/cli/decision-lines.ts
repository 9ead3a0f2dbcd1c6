/** Why a request got its score, as a person reads it in a terminal. */
import type { DecisionRecord } from '../scoring/decision-record.ts'
import type { Reasons } from '../scoring/reasons.ts'

/** Why the worker rejected what the model called met; `does_not_bear` stands only in records of `prompt-1`. */
const WHY_NOT: Record<string, string> = {
  no_quote: 'the model gave no quote',
  quote_too_long: 'the quote is longer than a proof',
  not_in_resume: 'the quote does not stand in the resume',
  addresses_model: 'the quote stands in a sentence that addresses the model',
  denied: 'the quote itself denies it',
  planned: 'the quote itself only plans it',
  falls_short: 'the quote states fewer years or a lower level than required',
  unrelated: 'the quote is about something else, as next to all of this answer',
  not_in_vacancy: 'the vacancy does not ask for it, nor for most of what this answer names',
  does_not_bear: 'the quote is about something else',
}

type Decided = DecisionRecord['requirements'][number]

/** @returns lines on one requirement: the quote, what the model said of it, and what the worker made of that */
function findingLines({
  requirement,
  met_by_model,
  evidence,
  model_quote,
  proved,
  quote,
  why_not,
  related,
}: Decided): string[] {
  const shown = quote ?? (model_quote === '' ? undefined : model_quote)
  const said = (evidence ?? (met_by_model ? 'met' : 'not met')).replace('_', ' ')
  const rejected = met_by_model && !proved ? `; rejected: ${WHY_NOT[why_not ?? ''] ?? why_not ?? 'unproved'}` : ''
  const note = proved && related === false ? ' (no word in common)' : ''
  return [
    `  ${proved ? '+' : '-'} ${requirement}`,
    ...(shown === undefined ? [] : [`      "${shown}"`]),
    `      ${said}, said the model${rejected}${note}`,
  ]
}

type Decision = Pick<
  Reasons,
  'verdict' | 'score' | 'verdict_min_score' | 'taken_from' | 'model_score' | 'corrections' | 'flags'
>

function verdictLine({ verdict, score, verdict_min_score: minimum, ...decision }: Decision): string {
  const { model_score: modelScore, taken_from: takenFrom = null } = decision
  const source = [
    ...(modelScore !== null && takenFrom === null ? [] : ['taken from an earlier request with the same texts']),
    ...(takenFrom === null ? [] : [`scored ${takenFrom}`]),
    ...(modelScore === null ? [] : [`the model's own score was ${modelScore}`]),
  ]
  return `${verdict}: score ${score}, positive from ${minimum}; ${source.join(', ')}`
}

const oddityLines = ({ corrections, flags }: Decision) => [
  `Put right: ${corrections.join(', ') || 'nothing'}`,
  `Suspicious: ${flags.join(', ') || 'nothing'}`,
]

/** @returns lines for a terminal; they quote the resume */
export function explain(decision: DecisionRecord): string[] {
  const { model_score: modelScore, requirements } = decision
  const proved = requirements.filter((each) => each.proved).length
  const findings = requirements.flatMap(findingLines)
  return [
    `Request ${decision.processing_id} (resume ${decision.resume_id}, requirements ${decision.requirements_id}), ${decision.decided_at}`,
    verdictLine(decision),
    decision.recommendation,
    '',
    ...(modelScore === null ? [] : [`Proved ${proved} of ${requirements.length}:`, ...findings, '']),
    ...oddityLines(decision),
    `Model ${decision.model}, ${decision.prompt_version}, ${decision.prompt_tokens} + ${decision.completion_tokens} tokens`,
    `Requirements sha256 ${decision.requirements_hash}, resume sha256 ${decision.resume_hash}`,
  ]
}

/** @returns lines for a terminal, as `explain`, without quotes */
export function explainReasons(id: bigint, reasons: Reasons): string[] {
  const { requirements, omitted, model_score: modelScore } = reasons
  const proved = requirements.filter((each) => each.proved).length
  const findings = requirements.flatMap((each) =>
    findingLines({ ...each, met_by_model: each.evidence === 'stated', quote: null }),
  )
  const more = omitted === 0 ? [] : [`  and ${omitted} more, which had no room`]
  return [
    `Request ${id}, ${reasons.decided_at}`,
    verdictLine(reasons),
    '',
    ...(modelScore === null ? [] : [`Proved ${proved} of ${requirements.length + omitted}:`, ...findings, ...more, '']),
    ...oddityLines(reasons),
    `Model ${reasons.model}, ${reasons.prompt_version}`,
  ]
}
