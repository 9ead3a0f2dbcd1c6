/** Classifies a server's refusal of an ordinary request as the worker does. */
import { classifyStatus } from '../../src/provider/classify.ts'
import { firstForm, partsOf } from '../../src/provider/form.ts'

const PARTS = partsOf(firstForm('https://provider.example/v1'), { name: 's', schema: {} }, false)

/** @param body an object is sent as JSON, a text as it is */
export const classify = (status: number, body: unknown) =>
  classifyStatus(status, typeof body === 'string' ? body : JSON.stringify(body), PARTS)

/** @returns a failure's code; for a refused part of the request the names of the parts, joined by `+` */
export function blamed(status: number, body: unknown): string {
  const { code, refused } = classify(status, body)
  return code === 'parameter_refused' ? refused.join('+') : code
}

/** An error as most servers write it. */
export const says = (message: string, rest: object = {}) => ({ error: { message, ...rest } })

/** An error as Gemini writes it. */
export const gemini = (code: number, message: string, status = 'INVALID_ARGUMENT', details: unknown[] = []) => [
  { error: { code, message, status, details } },
]
