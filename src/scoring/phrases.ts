/** Phrases by which a text speaks to the model instead of about a candidate, found in folded text whatever their inflection. */
import { foldWords } from './fold.ts'

/**
 * One phrase, word by word: `word`, `stem*` for all that begins so, `(one|or|other)`, a `?` after what may be absent,
 * `...` for up to five words of any kind.
 */
type Phrase = string

const AI = '(ии|ai|ai модел*|нейросет*|языков* модел*|language model|llm|llms|gpt*|chatgpt|искусственн* интеллект*)'
const BEFORE =
  '(предыдущ*|прошл*|прежн*|вышестоящ*|все|всё|любые|эти|свои|системн*|previous|prior|above|all|any|earlier|preceding|these|your|system)'
const RULES =
  '(инструкц*|указани*|правил*|промпт*|ограничен*|instruction|instructions|rules|prompt|prompts|guidelines|directions)'
const HAND_OUT =
  '(поставь|поставьте|выставь|выставьте|присвой|присвойте|дай|дайте|укажи|укажите|верни|верните|оцени|оцените|напиши|напишите|выведи|выведите|ответь|ответьте|засчитай|засчитайте)'
const GIVE = '(give|assign|award|set|return|output|rate|respond|answer|score|report)'
const BEST = '(100|maximum|highest|full|max|perfect|максимальн*|высш*|сто)'
const SCORE = '(score|rating|verdict|points|marks|оценк*|балл*|вердикт*|подходит|выполнено|true)'
const CANDIDATE = '(candidate|applicant|resume|cv|кандидат*|соискател*|резюме|him|her|me|мне)'
const DONE = '(выполнен*|подтвержден*|соответств*|подход*|met|satisfied|fulfilled|qualified|proven|proved|true|matched)'

/** What a phrase of each kind is called in flags. Each is written so that a resume about such things does not match. */
const PHRASES: Record<string, Phrase[]> = {
  overrides_instructions: [
    `(игнорируй|игнорируйте|проигнорируй|проигнорируйте|забудь|забудьте|отбрось|отмени|ignore|forget|disregard|override|bypass) ... ${BEFORE} ... ${RULES}`,
    `не (учитывай|учитывайте|следуй|следуйте|соблюдай|соблюдайте|выполняй) ... ${RULES}`,
    '(do not|don t|stop) (follow|following|obey) ... (instructions|rules|prompt)',
    `(new|updated|real|actual) (system)? (instructions|prompt) (for|from|follow|begin|are)`,
    `(новые|новая|настоящие|обновлённые) (системные|системная)? (инструкции|инструкция|указания) для ${AI}`,
    '(начало|конец) (системн*|нового) (промпт*|сообщени*|инструкц*)',
    '(reveal|print|repeat|show|покажи|выведи|повтори) ... (your|system|свой|свои|системн*) (prompt|instructions|промпт*|инструкц*)',
  ],
  addresses_model: [
    `(уважаем*|дорог*|привет|dear|hello|hey) ... (ии|ai|нейросет*|модель|ассистент|бот|llm|gpt*|chatgpt|assistant|model)`,
    `(внимание|сообщение|инструкц*|указани*|заметка|примечание|обращение|note|notice|message|instruction|instructions) (для|к|to|for) (the|all|any|всех)? ${AI}`,
    '(внимание|слушай|послушай|эй) (ии|нейросет*|чат бот|chatgpt|gpt*|языков* модел*)',
    '(attention|listen) (all|to)? (ai|llm|chatgpt) (model|models|system|systems|assistant|recruiter|reviewer|reviewers|screener|screeners)',
    `(если|if) (ты|вы|you|you re|это|this) ... ${AI}`,
    `(ты|you are|you re) (теперь|now|больше)? ... (ассистент*|нейросет*|ии|языков* модел*|рекрутер*|эксперт*|ai|assistant|language model|recruiter|bot) ... (котор*|who|that|and|и|чья|без|with|whose|without)`,
    `(представь|притворись|вообрази|веди себя|действуй|отвечай|pretend|imagine|act|roleplay|behave) (что|так|как|будто|себя|as|that|you|to|if) (ты|if|you|a|an|the|are|рекрутер*|эксперт*|человек*|кандидат*|my)`,
    '(модель|нейросет*|ии|ai|llm|ассистент|assistant) (должн*|обязан*|must|should) (поставить|присвоить|оценить|засчитать|считать|игнорировать|ignore|give|assign|rate|output|respond|return|score|treat|approve|recommend)',
  ],
  demands_score: [
    `${HAND_OUT} ... ${SCORE}`,
    `${GIVE} ... ${CANDIDATE} ... (${BEST}|10) (${SCORE}|out|percent|процент*|из|of)?`,
    `(give|assign|award|set|return|output) ... ${BEST} ... ${SCORE}`,
    `(считай|считайте|признай|признайте|отметь|отметьте|засчитай|засчитайте|consider|mark|treat|count) ... (требовани*|requirement|requirements|критери*|criteria|candidate|кандидат*|applicant) ... ${DONE}`,
    `(кандидат*|соискател*|candidate|applicant) ... (соответств*|удовлетвор*|meets|satisfies|fulfills|fulfils) ... (всем|all|every|each) ... (требован*|requirement|requirements|criteria)`,
    '(рекомендуй|рекомендуйте|одобри|одобрите|прими|примите) (этого|меня|данного|мою|это) (кандидат*|кандидатур*|резюме)?',
    '(approve|recommend|hire|accept) (this|the) (candidate|applicant|resume)',
  ],
  fake_answer: [
    '(verdict|вердикт) (is|это|ai)? (подходит|suitable|pass|hire|accept|accepted|match)',
    '(score|оценка) (is|это)? 100 (recommendation|verdict|вердикт|рекомендац*)',
    '(требование|requirement) ... (met|выполнено|подтверждено|satisfied) (true|да|yes|quote|цитата)?',
    '(met|выполнено) (true|да) (quote|цитата)',
  ],
  closes_delimiter: [
    '(конец|окончание) (резюме|требовани*|данных кандидата|входных данных)',
    'end of (the)? (resume|requirements|cv|user input|candidate data)',
  ],
}

const escape = (text: string) => text.replace(/[+#%]/g, '\\$&')

/** One alternative of a word: folded, with `*` for the rest of the word. */
function alternative(text: string): string {
  const words = text.split(' ').map((word) => {
    const stem = word.endsWith('*')
    return `${escape(foldWords(stem ? word.slice(0, -1) : word))}${stem ? '[^ ]*' : ''}`
  })
  return words.join(' ')
}

/** Splits at `separator` outside of parentheses. */
function splitOutside(text: string, separator: string): string[] {
  const parts = ['']
  let depth = 0
  for (const character of text) {
    if (character === '(') depth += 1
    if (character === ')') depth -= 1
    if (character === separator && depth === 0) parts.push('')
    else parts[parts.length - 1] += character
  }
  return parts
}

function group(text: string): string {
  const inner = text.replace(/^\((.*)\)$/s, '$1')
  if (inner === text) return alternative(text)
  return `(?:${splitOutside(inner, '|').map(group).join('|')})`
}

/** @returns the source of a RegExp over folded text, that begins at the space before the first word */
function compile(phrase: Phrase): string {
  const words = splitOutside(phrase, ' ').map((word) => {
    if (word === '...') return '(?: [^ ]+){0,5}?'
    const optional = word.endsWith('?')
    const source = ` ${group(optional ? word.slice(0, -1) : word)}`
    return optional ? `(?:${source})?` : source
  })
  return `${words.join('')}(?= )`
}

/** By kind: matches in folded text, from the space before a phrase to its last letter. */
export const phraseKinds: readonly { kind: string; pattern: RegExp }[] = Object.entries(PHRASES).map(
  ([kind, phrases]) => ({ kind, pattern: new RegExp(phrases.map(compile).join('|'), 'g') }),
)
