/** The texts of the benchmark: one vacancy, resumes of a given size that differ by their id, and the answer that fits all of them. */

export const VACANCY = 'TypeScript; Kafka; Redis; PostgreSQL; Docker; английский язык'

const QUOTES = [
  ['TypeScript', 'Пять лет пишу на TypeScript'],
  ['Kafka', 'вёл обмен сообщениями на Kafka'],
  ['Redis', 'хранил состояние в Redis'],
  ['PostgreSQL', 'проектировал схемы PostgreSQL'],
  ['Docker', 'собирал образы Docker'],
  ['Английский язык', 'читаю документацию на английском'],
] as const

const FILLER =
  'Отвечал за надёжность сервиса, разбирал сбои, писал документацию и учил новых коллег. Вёл переговоры с заказчиком и оценивал сроки. '

/** @returns a resume of about `kb` KB with the request's id in its first line, by which the model server knows the request */
export function resumeOf(id: number, kb: number): string {
  const facts = `Резюме request-${id}.\n${QUOTES.map(([, quote]) => `${quote}.`).join('\n')}\n`
  const missing = kb * 1_024 - Buffer.byteLength(facts)
  return facts + FILLER.repeat(Math.max(0, Math.ceil(missing / Buffer.byteLength(FILLER))))
}

/** What a careful model would answer, as the strict schema asks for it. */
export const ANSWER = JSON.stringify({
  requirements: QUOTES.map(([requirement, quote]) => ({ requirement, quote, evidence: 'stated' })),
  score: 100,
  recommendation: 'Кандидат подходит: опыт по всем требованиям подтверждён.',
})
