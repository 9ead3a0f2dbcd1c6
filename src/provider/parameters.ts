/** The body of a request: which parameters it has, and which of them the model turned out not to take. */
import type OpenAI from 'openai'
import type { ChatMessage, Question } from './reply.ts'

export type Body = OpenAI.Chat.ChatCompletionCreateParamsNonStreaming

/** What a model may refuse and can do without, or take in another form. */
export const ADJUSTABLE = ['temperature', 'seed', 'max_completion_tokens', 'max_tokens', 'response_format'] as const
export type Adjustable = (typeof ADJUSTABLE)[number]

/** From what is asked for to what every server takes; each one refused moves on to the next. */
const FORMATS = ['json_schema', 'json_object', 'none'] as const

export interface Parameters {
  body(question: Question): Body
  /**
   * Leaves a refused parameter out of all later requests, or gives it another form.
   * @param body the request that was refused
   * @returns false when nothing can be done: that request did not have it, or there is no other form left
   */
  refuse(name: Adjustable, body: Body): boolean
}

/** @param onChange told once of each change */
export function createParameters(model: string, onChange: (refused: string, instead: string) => void): Parameters {
  const dropped = new Set<Adjustable>()
  let format: (typeof FORMATS)[number] = 'json_schema'

  function body({ messages, schema, maxCompletionTokens }: Question): Body {
    const asked = schema === null && format === 'json_schema' ? 'json_object' : format
    return {
      model,
      messages: schema === null || asked === 'json_schema' ? [...messages] : withSchema(messages, schema.schema),
      ...(dropped.has('temperature') ? {} : { temperature: 0 }),
      ...(dropped.has('seed') ? {} : { seed: 1 }),
      ...(dropped.has('max_completion_tokens')
        ? { max_tokens: maxCompletionTokens }
        : { max_completion_tokens: maxCompletionTokens }),
      ...(asked === 'json_object' ? { response_format: { type: 'json_object' } } : {}),
      ...(asked === 'json_schema' && schema !== null
        ? { response_format: { type: 'json_schema', json_schema: { ...schema, strict: true } } }
        : {}),
    }
  }

  function refuse(name: Adjustable, sent: Body): boolean {
    if (!(name in sent)) return false
    if (name === 'response_format') return refuseFormat(sent)
    // Without a cap, what a call costs would have no bound.
    if (name === 'max_tokens') return false
    if (!dropped.has(name)) onChange(name, name === 'max_completion_tokens' ? 'max_tokens' : 'left out')
    dropped.add(name)
    return true
  }

  function refuseFormat(sent: Body): boolean {
    const next = FORMATS[FORMATS.findIndex((known) => known === sent.response_format?.type) + 1]
    if (next === undefined) return false
    // Calls that were under way together are refused together: the first of them moves on for all.
    if (FORMATS.indexOf(next) > FORMATS.indexOf(format)) {
      format = next
      onChange('response_format', next === 'none' ? 'left out' : next)
    }
    return true
  }

  return { body, refuse }
}

/** For servers that know no schemas: as OPENAI_RESPONSE_FORMAT=json_object has it, at the end of the system message. */
function withSchema(messages: readonly ChatMessage[], schema: Record<string, unknown>): ChatMessage[] {
  const hint = `\n\nОтвет — один объект JSON по этой схеме, без пояснений:\n${JSON.stringify(schema)}`
  return messages.map((message, index) => (index === 0 ? { ...message, content: message.content + hint } : message))
}
