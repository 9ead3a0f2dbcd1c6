/**
 * Kafka headers that tell how an outcome came about. The JSON stays unchanged for existing consumers. All values are strings.
 *
 * | header | on | value |
 * |---|---|---|
 * | `scoring-attempts` | all notifications | HTTP requests sent to the model and paid from the budget |
 * | `scoring-billed-tokens` | all notifications | tokens of all attempts as billed, or as reserved where the provider did not tell |
 * | `scoring-cached` | successes | whether an earlier result of the same texts was taken over: `true`, `false` |
 * | `scoring-model` | successes | as returned by the provider; of a result taken over: as configured |
 * | `scoring-prompt-version` | successes | name and hash of prompt and schema |
 * | `scoring-prompt-tokens`, `scoring-completion-tokens` | successes | of all attempts, as billed |
 * | `scoring-model-score` | successes that the model was asked for | the model's own score, before verification |
 * | `scoring-flags` | successes | what is suspicious in the texts, `resume:fake_answer,...`, and `truncated_prompt` where the server cut them; empty for nothing |
 * | `scoring-review` | successes that a person should look at | `true`; absent from all others, and from results taken over |
 */
import { boundHeaders } from '../kafka/headers.ts'
import type { Headers } from '../kafka/messages.ts'

const PREFIX = 'scoring-'

export interface Provenance {
  model: string
  promptVersion: string
  promptTokens: number
  completionTokens: number
  /** null: not asked, taken from the cache */
  modelScore: number | null
  flags: readonly string[]
  /** Why a person should look at the result; empty when nobody needs to. */
  review: readonly string[]
}

/** Keeps of a provider's text only what every reader of headers can process. */
const plain = (text: string) => text.replace(/[^\x20-\x7e]/g, '?').slice(0, 200)

/** @returns the headers of a success, besides `effortHeaders` of effort.ts */
export function provenanceHeaders(provenance: Provenance): Record<string, string> {
  const { model, promptVersion, promptTokens, completionTokens, modelScore, flags, review } = provenance
  return {
    [`${PREFIX}cached`]: String(modelScore === null),
    [`${PREFIX}model`]: plain(model),
    [`${PREFIX}prompt-version`]: promptVersion,
    [`${PREFIX}prompt-tokens`]: String(promptTokens),
    [`${PREFIX}completion-tokens`]: String(completionTokens),
    ...(modelScore === null ? {} : { [`${PREFIX}model-score`]: String(modelScore) }),
    [`${PREFIX}flags`]: flags.join(','),
    ...(review.length === 0 ? {} : { [`${PREFIX}review`]: 'true' }),
  }
}

/**
 * @param own this worker's headers
 * @returns `own` and, unchanged and within the bounds, the request's headers, except those with the worker's prefix
 */
export function passOn(request: Headers, own: Record<string, string>): Headers {
  const theirs = Object.entries(request).filter(([name]) => !name.toLowerCase().startsWith(PREFIX))
  return { ...boundHeaders(Object.fromEntries(theirs)), ...own }
}
