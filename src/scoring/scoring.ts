/** Scoring as the pipeline uses it: from a request to the question, and from the answer to the outcome. */
import type { Config } from '../config.ts'
import type { ScoringRequest } from '../contracts.ts'
import type { Journey } from '../journey.ts'
import { effortHeaders } from '../journey.ts'
import type { Outcome } from '../outcome.ts'
import type { Question } from '../provider/reply.ts'
import { interpretAnswer } from './answer.ts'
import { promptVersion } from './prompt-version.ts'
import { buildPrompt } from './prompt.ts'
import type { Texts } from './sanitize.ts'
import { stripInvisible } from './sanitize.ts'
import { verifyAnswer } from './verify.ts'

/** A request made ready to be asked. */
export interface Prepared {
  texts: Texts
  messages: Question['messages']
  schema: Question['schema']
}

export type Scoring = ReturnType<typeof createScoring>

export function createScoring({ config }: { config: Config }) {
  const { verdictMinScore } = config
  const { responseFormat } = config.provider
  return {
    prepare({ requirements, resume }: ScoringRequest): Prepared {
      const texts = { requirements: stripInvisible(requirements).text, resume: stripInvisible(resume).text }
      const { messages, schema } = buildPrompt(texts, { responseFormat, verdictMinScore })
      return { texts, messages, schema }
    },
    async cached(_prepared: Prepared, _signal: AbortSignal): Promise<Outcome | null> {
      return null
    },
    mostTokens({ messages }: Prepared, maxCompletionTokens: number): number | null {
      return messages.reduce((sum, { content }) => sum + Math.ceil(content.length / 2), 300) + maxCompletionTokens
    },
    judge: (content: string) => (interpretAnswer(content).ok ? ('usable' as const) : ('unusable' as const)),
    async verified(
      prepared: Prepared,
      { content, model }: { content: string; model: string },
      journey: Journey,
    ): Promise<Outcome> {
      const read = interpretAnswer(content)
      if (!read.ok) throw new TypeError('an unusable answer was taken for a usable one')
      const { score, modelScore } = await verifyAnswer(read.answer, prepared.texts, verdictMinScore)
      const headers = {
        ...effortHeaders(journey),
        'scoring-model': model,
        'scoring-prompt-version': promptVersion,
        'scoring-model-score': String(modelScore),
      }
      return { kind: 'success', score, headers, decision: null }
    },
  }
}
