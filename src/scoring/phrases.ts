/**
 * What makes a sentence an address to the model rather than one about a candidate: an imperative, where an imperative can
 * stand, together with an object of the model's own task (its instructions, its score, its judgement), or a machine that is
 * spoken to. Neither half is enough: resumes hold imperatives ("Give trainings"), and people work with prompts and scores.
 * The words are those of notions.ts. Whoever is not found out gains nothing but what his own words prove.
 */
import { foldWords } from './fold.ts'
import * as N from './notions.ts'

/** Stands for clause punctuation in a prepared sentence, and for a colon. Folding keeps it. */
export const CLAUSE = '#'
export const COLON = '##'

/** Where words are not divided by spaces, a notion is looked for anywhere. */
const LETTER_UNDIVIDED = '[\\u1100-\\u11ff\\u3040-\\u30ff\\u3400-\\u9fff\\uac00-\\ud7a3]'
/** Of these scripts: without the u flag it is several times faster. */
const UNDIVIDED = /[\u1100-\u11ff\u3040-\u30ff\u3400-\u9fff\uac00-\ud7a3]/

/** Alternatives, sorted: beginnings that several of them share are compared once. */
const oneOf = (sources: string[]) => `(?:${sources.toSorted().join('|')})`
const escape = (folded: string) => folded.replace(/[+%]/g, '\\$&')

/** What a notion's words begin with, folded: of a stem the stem, of a whole word the word and the space after it. */
function beginnings(notion: string): string[] {
  return notion.split('|').map((given) => {
    const folded = escape(foldWords(given.split('*', 1)[0] ?? ''))
    return given.includes('*') || UNDIVIDED.test(given) ? folded : `${folded} `
  })
}

/** @param notion alternatives divided by `|`, of one or several words. @returns the source of a RegExp over folded words */
function any(notion: string): string {
  const given = [...new Set(notion.split('|'))]
  const undivided = given.filter((each) => UNDIVIDED.test(each)).map((each) => ` ?${escape(foldWords(each))}`)
  const divided = given.filter((each) => !UNDIVIDED.test(each))
  const phraseOf = (phrase: string) =>
    phrase
      .split(' ')
      .map((word) => escape(foldWords(word.replace('*', ''))) + (word.endsWith('*') ? '[^ ]*' : ''))
      .join(' ')
  const stems = divided.filter((each) => each.indexOf('*') === each.length - 1).map((each) => escape(foldWords(each)))
  const phrases = divided.filter((each) => each.includes('* ')).map(phraseOf)
  const words = divided.filter((each) => !each.includes('*')).map((each) => escape(foldWords(each)))
  const parts = [
    ...(stems.length === 0 ? [] : [`${oneOf(stems)}[^ ]*`]),
    ...(words.length === 0 ? [] : [oneOf(words)]),
    ...phrases,
  ]
  const bounded = parts.length === 0 ? [] : [` (?:${parts.join('|')})(?= )`]
  return `(?:${[...bounded, ...undivided].join('|')})`
}

/** @returns a fast test whether one of the notions may be there */
function hint(...notions: string[]): string {
  const all = notions.flatMap((notion) => notion.split('|'))
  const of = (undivided: boolean) => all.filter((each) => UNDIVIDED.test(each) === undivided)
  const [divided, undivided] = [of(false), of(true)]
  return [
    ` ${oneOf(divided.flatMap(beginnings))}`,
    ...(undivided.length === 0 ? [] : [oneOf(undivided.flatMap(beginnings))]),
  ].join('|')
}

/** Up to `most` words of the same clause. */
const upTo = (most: number) => `(?:(?: (?!##? )[^ ]+){0,${most}}?|${LETTER_UNDIVIDED}{0,${3 * most}}?)`

const OWN_PROMPT = `(?:${any('your|the|system|initial|hidden|own|свой|свои|своего|системн*|начальн*|deinen|deine|tes|votre|vos|tus|tu|seu|suas|il tuo|swoj')}${upTo(1)}${any('prompt*|instruction*|промпт*|инструкц*|systemprompt|anweisung*|consignes|instruccion*|instruc*|istruzioni|instrukcj*')}|${any('system prompt|systemprompt|系统提示|系统提示词|システムプロンプト|시스템 프롬프트')})`

const POINTS_UNDIVIDED = ['分', '点', '점'].map(foldWords).join('|')
const HIGH_NUMBER = `(?: (?:[7-9]\\d|100)%?(?= )| ?(?:[7-9]\\d|100)(?=${POINTS_UNDIVIDED})| 10 (?:10|${foldWords('из')} 10|out of 10)(?= ))`

const MACHINE = `(?:${any(N.MACHINE_NAMES)}(?:${any('model*|assistant*|system*|reviewer*|recruiter*|screener*|evaluator*|parser*|bot*|agent*|tool*|ассистент*|систем*|модел*|рекрутер*|бот*|агент*|модератор*')})?|(?:${any('the|this|recruiter|recruiting|screening|scoring|hr|resume|hiring|all|любой|всем|любая')})?${any(N.MACHINE_ROLES)})`
const SURELY_MACHINE = `${any(N.MACHINE_NAMES)}{1,2}(?:${any('model*|assistant*|system*|reviewer*|recruiter*|screener*|evaluator*|bot*|ассистент*|систем*|модел*|рекрутер*|бот*|модератор*')})?`
const MACHINE_UNDIVIDED = `(?:ai(?=${LETTER_UNDIVIDED})|人工智能|语言模型|大模型|人工知能|${foldWords('인공지능')})`
/** A noun ends there: "AI," but not "AI engineer". */
const NOUN_ENDS = `(?= ##?| $|${any('please|that|who|which|reading|and|котор*|пожалуйста|и|что')})`

/** An imperative stands at the beginning of a clause, after such words at the most. */
const FILLER = any(
  'ты|вы|please|now|then|just|also|simply|kindly|always|instead|you|must|should|shall|need to|have to|пожалуйста|просто|теперь|тогда|затем|то|нужно|необходимо|следует|надо|должен|должна|обязан*|прошу|bitte|dann|jetzt|sie|s il vous plait|veuillez|por favor|ahora|agora|per favore|prosze|lutfen',
)
const START = `(?:^| ##?|${any('and|then|и|а|und|et|y|e|i|ve')})(?:${FILLER}){0,3}`

const imperative = (anywhere: string, atStart: string) =>
  `(?:(?<! (?:${foldWords('не')}|don t|do not))${any(anywhere)}|${START}${any(atStart)}(?! of ))`

const disregard = imperative(N.DISREGARD, N.DISREGARD_AT_START)
const judge = imperative(N.JUDGE, N.JUDGE_AT_START)
const reveal = imperative(N.REVEAL, N.REVEAL_AT_START)
const instructions = `(?:${any(N.INSTRUCTIONS)}|${any('requirements|criteria|требования|критерии|anforderungen|criteres|requisitos')}|${any(N.EARLIER)}${upTo(3)}${any(N.RULES)}|${any(N.ABOVE)})`
const highest = `(?:${any(N.HIGHEST)}${upTo(2)}${any(N.SCORE)}|${any(N.SCORE)}${upTo(2)}${any(N.HIGHEST)}|${any('满分|満点|만점')})`
const highScore = `(?:${HIGH_NUMBER}(?:${any('out of|из|von|sur|de|su|na')}|${upTo(2)}${any(N.SCORE)})|${any(N.SCORE)}(?: ##)?${upTo(3)}${HIGH_NUMBER})`
const thisResume = `${any('the|this|этого|данного|это|данное|diesen|dieses|ce|este|esta|questo|bu')}${any('resume|cv|application|резюме|анкет*|candidate|applicant|кандидат*|lebenslauf|candidat*|curriculum')}`

/** Kinds of address. What stands between the parts of a rule is of the same clause. */
const RULES_OF_ADDRESS: Record<string, string[]> = {
  overrides_instructions: [
    `${disregard}${upTo(5)}${instructions}`,
    `${instructions}(?:${upTo(3)}|(?: [^ ]+){0,4}?)${any(N.DISREGARD)}`,
    // A heading of its own: "New instructions:".
    `(?:^| ##?)${upTo(1)}${any('new|updated|real|actual|нов*|настоящ*|обновл*|neue|nouvelles|nuevas|novas|nuove|nowe|yeni|新的|新しい')}${upTo(1)}${any(N.INSTRUCTIONS)}(?= ${COLON})`,
    `${reveal}${upTo(3)}${OWN_PROMPT}`,
  ],
  demands_score: [
    `${judge}${upTo(6)}${highScore}`,
    `${imperative(N.JUDGE, 'give|assign|return|output|answer|respond')}${HIGH_NUMBER}(?= ##?| $)`,
    `(?:${highScore}|${highest}|${HIGH_NUMBER})${upTo(2)}${any(N.JUDGE_AT_END)}`,
    `${START}${any('rate|score|grade|rank|evaluate|оцени*|bewerte*|avalie|califica|valuta')}${upTo(4)}${any(N.TARGET)}${upTo(4)}${HIGH_NUMBER}`,
    `${judge}${upTo(5)}${highest}${upTo(3)}${any(N.TARGET)}`,
    `${judge}${upTo(3)}${any(N.TARGET)}${upTo(4)}${highest}`,
    `${any(N.GIVE)}${upTo(2)}${highest}`,
    `${SURELY_MACHINE}(?: [^ ]+){0,6}?${any(N.MUST)}${upTo(1)}(?:${any(N.JUDGE)}|${any(N.JUDGE_AT_START)})${upTo(4)}(?:${highest}|${highScore}|${HIGH_NUMBER})`,
    // Requirements to be taken for met, whatever the resume says.
    `${judge}${upTo(3)}${any(N.JUDGED)}${upTo(5)}${any(N.FAVOURABLE)}`,
    `${any(N.JUDGED)}${upTo(3)}${imperative(N.JUDGE, 'считать|признать|засчитать')}${upTo(2)}${any(N.FAVOURABLE)}`,
    `${START}${any('approve|recommend|shortlist|hire|select|одобри|рекомендуй|порекомендуй|empfiehl|recommande|recomienda|recomende')}${any('this|этого|данного|diesen|ce|este')}${any(N.TARGET)}`,
    // Without an imperative: what the score of this very text has to be.
    `${any(N.SCORE)}${upTo(2)}${thisResume}${upTo(3)}${HIGH_NUMBER}`,
    `${thisResume}${upTo(3)}${any('must be|should be|shall be|deserves|заслуживает')}${upTo(4)}(?:${HIGH_NUMBER}|${highest})`,
  ],
  addresses_model: [
    `${START}${upTo(1)}${any(N.GREETING)}(?: #)?${upTo(1)}${SURELY_MACHINE}${NOUN_ENDS}`,
    `${START}${upTo(2)}${any(N.NOTE)}${any(N.TO)}?${upTo(1)}${MACHINE}${NOUN_ENDS}`,
    `(?:致|给|向) ?(?:所有)?${MACHINE_UNDIVIDED}`,
    `${MACHINE_UNDIVIDED}(?:${LETTER_UNDIVIDED}{0,6}(?:请|必须|应当|应该)|${['へ', '에게'].map(foldWords).join('|')})`,
    `${any(N.IF)}${any(N.YOU)}${any('are|bist|sind|es|etes|eres|e|sei|jestes')}?${any(N.A)}?${SURELY_MACHINE}${NOUN_ENDS}`,
    `${any(N.IF)}(?:${upTo(6)}${any(N.READS)}${upTo(3)}${MACHINE}${NOUN_ENDS}|(?!${any('you|we|вы|ты|мы')})${upTo(6)}${MACHINE}${upTo(2)}${any(N.READS)})`,
    `(?:^| ##?)${any(N.YOU_ARE)}${any(N.NOW)}`,
    `(?:^| ##?)${any(N.YOU_ARE)}${any(N.A)}?${upTo(2)}${SURELY_MACHINE}${NOUN_ENDS}`,
    `${any(N.FROM_NOW_ON)}(?: #)?${any(N.YOU)}`,
    '(?:你现在是|从现在起你)',
    `(?:^| ##?)${any(N.TO)}${upTo(1)}${SURELY_MACHINE}${any('reading|reading this')}?(?= ${COLON})`,
    `(?:^| ##?)${SURELY_MACHINE}${any(N.NOTE)}(?= ##?)`,
    `(?:^| ##?)${any('ты|du bist|tu es|eres|sen bir')}(?: #)?${upTo(2)}${MACHINE}${NOUN_ENDS}`,
    `${any(N.IF)}${any(N.YOU)}${any(N.A)}${any('bot|robot|бот|робот')}${NOUN_ENDS}`,
    `^${MACHINE} #${any(N.JUDGE)}`,
    `${START}${any('прошу|просьба')}${upTo(1)}${SURELY_MACHINE}`,
    '(?:あなたは今|今からあなたは)',
    `${START}${any(N.PRETEND)}(?: ##?)?${any('that|что|как будто|dass|que|ze')}?${any(N.YOU)}`,
    `${START}${any(N.SYSTEM_NOTE)} ${COLON}`,
    `(?:^| ##?)${SURELY_MACHINE}(?: ##?)?${FILLER}?(?:${any(N.JUDGE)}|${any(N.JUDGE_AT_START)}|${any(N.DISREGARD)}|${any(N.DISREGARD_AT_START)})`,
  ],
  // In the words of the answer's schema.
  fake_answer: [
    `${any('verdict|вердикт')} ${COLON}${any('подходит|suitable|hire')}`,
    ` met ${COLON} true(?= )| evidence(?: ##?)? stated(?= )`,
    `${any('score|оценка')} ${COLON}${HIGH_NUMBER}(?: [^ ]+){0,5}?${any('verdict|recommendation|вердикт|рекомендация')} ${COLON}`,
  ],
}

const MANIPULATES = [N.DISREGARD, N.DISREGARD_AT_START, N.REVEAL, N.REVEAL_AT_START]
const JUDGES = [N.JUDGE, N.JUDGE_AT_START]
const SPEAKS = [
  N.NOTE,
  N.PRETEND,
  N.FROM_NOW_ON,
  N.SYSTEM_NOTE,
  'you are now|you re now|ты теперь|du bist jetzt|tu es maintenant|ahora eres|agora voce',
].join('|')

/** Words without all of which no rule of the kind can hold. */
const NEEDED: Record<string, string[]> = {
  overrides_instructions: [
    hint(...MANIPULATES, N.INSTRUCTIONS),
    hint(N.INSTRUCTIONS, N.RULES, N.ABOVE, 'requirements|criteria'),
  ],
  demands_score: [hint(...JUDGES, N.DESERVES, N.SCORE), `${hint(N.HIGHEST, N.FAVOURABLE, N.TARGET)}|\\d{2}`],
  addresses_model: [
    `${hint(N.MACHINE_NAMES, N.MACHINE_ROLES, SPEAKS)}|${MACHINE_UNDIVIDED}|你现在是|从现在起你|あなたは今|今からあなたは`,
  ],
  fake_answer: [hint(N.FIELDS)],
}

const compiled = Object.entries(RULES_OF_ADDRESS).map(([kind, rules]) => ({
  kind,
  needed: NEEDED[kind]?.map((source) => new RegExp(source)) ?? [],
  // One by one: V8 does not optimise an expression of 20,000 characters.
  patterns: rules.map((rule) => new RegExp(rule, 'u')),
}))

/** A sentence with none of these words is not looked at. */
const triggers = [...MANIPULATES, ...JUDGES, N.MACHINE_NAMES, N.INSTRUCTIONS, SPEAKS, N.DESERVES, N.FIELDS]
const dividedOnly = triggers.flatMap((notion) => notion.split('|').filter((each) => !UNDIVIDED.test(each)))
const DIVIDED_TRIGGERS = new RegExp(hint(...dividedOnly), 'g')
const ALL_TRIGGERS = new RegExp(
  `${hint(...triggers)}|${MACHINE_UNDIVIDED}|你现在是|从现在起你|あなたは今|今からあなたは`,
  'g',
)

/** @returns what finds in a folded text the words without one of which no rule holds */
export const triggersFor = (folded: string): RegExp => (UNDIVIDED.test(folded) ? ALL_TRIGGERS : DIVIDED_TRIGGERS)

const told = new RegExp(any(N.TOLD), 'u')

/** @param sentence folded words with CLAUSE and COLON between clauses, a space before and after. @returns what it is; null for no address */
export function addressKind(sentence: string): string | null {
  for (const { kind, needed, patterns } of compiled) {
    if (!needed.every((each) => each.test(sentence))) continue
    for (const pattern of patterns) {
      const found = pattern.exec(sentence)
      if (found !== null && !told.test(`${sentence.slice(0, found.index)} `)) return kind
    }
  }
  return null
}

const stems = (...notions: string[]) =>
  oneOf(
    notions
      .flatMap(beginnings)
      .map((each) => each.replaceAll(' ', ''))
      .filter((each) => each.length > 4),
  )
const GLUED = new RegExp(`${stems(N.DISREGARD, N.DISREGARD_AT_START)}.{0,60}?${stems(N.INSTRUCTIONS, N.RULES)}`)

/** @param letters folded, of which no one knows where a word ends. @returns as `addressKind` */
export const gluedKind = (letters: string): string | null => (GLUED.test(letters) ? 'overrides_instructions' : null)
