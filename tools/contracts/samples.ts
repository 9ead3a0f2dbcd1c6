/** One sample of each message, written by the functions that the worker publishes with. */
import type { Address } from '../../src/contracts.ts'
import { encodeFailure, encodeRecord, encodeSuccess } from '../../src/contracts.ts'
import { encodeRequest } from '../../src/schemas.ts'

const address: Address = {
  callbackUrl: 'https://example.com/callbacks/42',
  processingId: 42n,
  userId: 7n,
  resumeId: 1001n,
  requirementsId: 5n,
}
const score = {
  score: 67,
  matches: ['TypeScript', 'Опыт работы с Kafka'],
  recommendation: 'Резюме подтверждает 2 из 3 требований. Уточните опыт работы с PostgreSQL.',
  verdict: 'Подходит',
} as const

const texts = {
  request: encodeRequest({
    callback_url: address.callbackUrl,
    processing_id: address.processingId,
    user_id: address.userId,
    resume_id: address.resumeId,
    requirements_id: address.requirementsId,
    requirements: '- TypeScript\n- Опыт работы с Kafka\n- PostgreSQL',
    resume: 'Пять лет пишу на TypeScript. В последнем проекте отвечал за обмен событиями через Kafka.',
  }),
  success: encodeSuccess(address, { ...score, matches: [...score.matches] }),
  refusal: encodeFailure(address, 'Лимит запросов к модели исчерпан. Повторите запрос через 1260 с.', 1260),
  failure: encodeFailure(address, 'Модель отказалась оценивать это резюме.', null),
  record: encodeRecord(address, { ...score, matches: [...score.matches] }),
}

export type SampleName = keyof typeof texts

/** The samples' values as Kafka holds them. */
export const sampleTexts: Readonly<Record<SampleName, string>> = texts
