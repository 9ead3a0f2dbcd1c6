/** A resume, and answers about it that are verified. */
import type { ModelAnswer } from '../../src/scoring/answer.ts'
import { verifyAnswer } from '../../src/scoring/verify.ts'

export const RESUME = `Иванов Иван, Python-разработчик
Опыт работы:
2019–2024, ООО «Ромашка»: разработка микросервисов на Python 3 и Django, 5 лет.
Настроил CI/CD в GitLab, развёртывание в Kubernetes; базы данных — PostgreSQL и Redis.
Руководил командой из 6 человек. Не работал с Kafka.
Образование: МГТУ им. Баумана, 2018
Английский — B2. Родился в Москве.`

export const VACANCY =
  'Требования: Python, Kubernetes, PostgreSQL, высшее образование, английский, управление командой.'

export type Claim = [requirement: string, quote: string]

export const answerOf = (
  claims: Claim[],
  { score = 100, unmet = [] as string[], recommendation = 'Кандидат подходит.' } = {},
) =>
  ({
    requirements: [
      ...claims.map(([requirement, quote]) => ({ requirement, quote, evidence: 'stated' as const })),
      ...unmet.map((requirement) => ({ requirement, quote: '', evidence: 'not_mentioned' as const })),
    ],
    score,
    recommendation,
  }) satisfies ModelAnswer

export const verify = (answer: ModelAnswer, resume = RESUME) =>
  verifyAnswer(answer, { requirements: VACANCY, resume }, 50)

export async function why(requirement: string, quote: string, resume = RESUME) {
  const { findings } = await verify(answerOf([[requirement, quote]]), resume)
  return findings[0]?.why
}
