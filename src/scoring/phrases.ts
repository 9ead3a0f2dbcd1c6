/**
 * What makes a sentence an address to the model rather than one about a candidate: an imperative, where an imperative can
 * stand, together with an object of the model's own task (its instructions, its score, its judgement), or a machine that is
 * spoken to. Neither half is enough: resumes hold imperatives ("Give trainings"), and people work with prompts and scores.
 *
 * The vocabulary names each notion in some languages; all else is grammar. Whoever is not caught gains nothing but what his
 * own words prove: see verify.ts.
 */
import { foldWords } from './fold.ts'

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

// Imperatives: those that are nothing else, and those that may be nouns, infinitives or past tense where none can stand.
const DISREGARD =
  'игнорируй*|проигнорируй*|забудь*|отбрось*|отмени|отмените|не следуй*|не учитывай*|не выполняй|не соблюдай*|ігноруй*|забудь*|ignoriere|ignorieren sie|vergiss|vergessen sie|missachte*|ignorez|oubliez|zignoruj|ignoruj|zapomnij|pomin|yoksay*|gormezden gel*|unut|忽略|无视|忽視|忘记|忘れ|無視|무시|잊어|تجاهل*|انس|התעלם|התעלמי|अनदेखा|नजरअंदाज|bo qua'
const DISREGARD_AT_START =
  'ignore|disregard|forget|override|bypass|skip|do not follow|don t follow|stop following|do not obey|игнорировать|ignora|ignore|olvida|olvide|esqueca|desconsidere|dimentica|ne tiens pas compte|ne suivez pas|no sigas|negeer|vergeet'
const JUDGE =
  'поставь*|ставь*|выставь*|присвой*|засчитай*|зачти|засчитывай*|оценивай*|отвечай*|пиши|считай|считайте|признай*|отметь|оцени|верни|выведи|ответь|одобри|порекомендуй|рекомендуй|дай|напиши|укажи|познач*|вистав|постав|присвій|оціни|зарахуй|bewerte|bewerten sie|vergib|vergeben sie|gib|geben sie|setze|setzen sie|antworte|empfiehl|betrachte|attribuez|donnez|notez|evaluez|repondez|considerez|recommandez|oceń|przyznaj|ustaw|zwroc|odpowiedz|uznaj|puanla|puan ver*|degerlendir|打分|评分|给|给予|输出|返回|评为|视为|推荐|付けて|与えて|出力して|返して|評価して|つけて|부여|주세요|평가해|출력해|امنح*|أعط*|اعط|قيم'
const JUDGE_AT_START =
  'give|assign|award|grant|set|return|output|rate|score|grade|rank|respond|answer|reply|report|say|state|write|print|conclude|mark|consider|treat|count|deem|regard|approve|recommend|shortlist|hire|select|оценить|присвоить|поставить|выставить|считать|засчитать|признать|отметить|вернуть|вывести|attribue|donne|note|evalue|reponds|considere|recommande|asigna|asigne|dale|otorga|otorgue|pon|califica|califique|puntua|responde|devuelve|considera|marca|recomienda|atribua|avalie|classifique|responda|considere|marque|recomende|retorne|assegna|dai|valuta|rispondi|restituisci|raccomanda|daj|geef|beoordeel'
const REVEAL =
  'выведи*|покажи*|повтори*|раскрой*|напечатай*|процитируй*|zeige|zeigen sie|affiche*|montrez|pokaz|显示|输出|重复|表示して|보여'
const REVEAL_AT_START =
  'reveal|print|repeat|show|output|display|leak|tell|quote|muestra|revela|imprime|mostra|mostre|exiba'

// What they are about.
const INSTRUCTIONS =
  'инструкц*|указани*|промпт*|вказів*|instruction*|prompt*|guideline*|directive*|anweisung*|instruktion*|vorgaben|consigne*|instruccion*|instruc*|istruzion*|instrukcj*|polecen*|talimat*|yonerge*|instructies|指令|指示|提示词|命令|プロンプト|지시|지침|명령|تعليمات*|التعليمات*|הוראות|ההוראות|निर्देश*|निर्देशों|huong dan|chi thi'
const RULES =
  'правил*|ограничени*|требовани*|критери*|rules|restrictions|regeln|regles|reglas|regras|regole|zasad*|kurallar*|规则|規則|규칙|قواعد|القواعد'
const EARLIER =
  'предыдущ*|прошл*|прежн*|вышеуказанн*|все|всё|всех|любые|любых|свои|своих|системн*|попередн*|усі|previous|prior|above|all|any|earlier|preceding|your|system|vorherig*|bisherig*|alle|deine*|precedent*|tou*|anterior*|todas|todos|precedent*|tutte|poprzedni*|wszystkie|onceki|tum|之前|以上|所有|以前|すべて|이전|모든|السابقة|جميع|كل'
const ABOVE =
  'everything|anything|text above|above text|сказанное|написанное|написано|всё|все что|выше|вышесказанное|alles|tout ce|todo lo|tudo o que|tutto|wszystko|上面|上述|これまで'
const OWN_PROMPT = `(?:${any('your|the|system|initial|hidden|own|свой|свои|своего|системн*|начальн*|deinen|deine|tes|votre|vos|tus|tu|seu|suas|il tuo|swoj')}${upTo(1)}${any('prompt*|instruction*|промпт*|инструкц*|systemprompt|anweisung*|consignes|instruccion*|instruc*|istruzioni|instrukcj*')}|${any('system prompt|systemprompt|系统提示|系统提示词|システムプロンプト|시스템 프롬프트')})`

// What is demanded.
const SCORE =
  'score*|rating|points|point|grade|mark|marks|percent|оценк*|балл*|рейтинг*|процент*|оцінк*|бал|балів|punkte|punktzahl|bewertung|note|notes|points|puntuacion|puntaje|puntos|calificacion|pontuacao|pontos|nota|punteggio|punti|voto|punkt*|ocen*|wynik|puan*|score|分|分数|满分|点|満点|スコア|점|만점|درج*|نقاط|نقط*'
const POINTS_UNDIVIDED = ['分', '点', '점'].map(foldWords).join('|')
const HIGH_NUMBER = `(?: (?:[7-9]\\d|100)%?(?= )| ?(?:[7-9]\\d|100)(?=${POINTS_UNDIVIDED})| 10 (?:10|${foldWords('из')} 10|out of 10)(?= ))`
const HIGHEST =
  'maximum|maximal|max|highest|full|top|perfect|best|максимальн*|высш*|наивысш*|полный|найвищ*|максимальн*|hochste*|maximale*|volle|beste|maximale|meilleure|maxim*|la mas alta|perfecta|massim*|najwyzsz*|maksymaln*|en yuksek|tam|最高|满分|満点|만점|최고|كامل*|الكامل*|أعلى'
const TARGET =
  'candidat*|applicant|resume|cv|him|her|me|this|кандидат*|соискател*|резюме|мне|ему|ей|bewerber*|kandidat*|lebenslauf|мені|aday*|候选人|简历|応募者|候補者|지원자|후보자|مرشح*|المرشح*|المتقدم*'
const JUDGED =
  'requirement*|criteri*|candidat*|applicant|resume|everything|требовани*|критери*|кандидат*|соискател*|резюме|anforderung*|bewerber*|exigence*|requisit*|requisiti|wymagani*|вимог*|要求|条件|候选人|요건|요구|متطلبات*|المتطلبات'
const FAVOURABLE =
  'met|satisfied|fulfilled|qualified|suitable|confirmed|proven|proved|true|matched|perfect|ideal|best|strong fit|выполнен*|подтвержд*|соответств*|подходящ*|идеальн*|закрыт*|erfullt|geeignet|perfekt|remplie*|satisfaite*|cumplid*|satisfech*|cumprid*|atendid*|soddisfatt*|idone*|spelnion*|виконан*|满足|符合|合格|満たし|충족|مستوفا*|مستوفى'

// Who is spoken to.
const MACHINE_NAMES =
  'ai|ии|ші|ki|ia|llm|llms|gpt*|chatgpt*|claude|gemini|нейросет*|нейронк*|нейромереж*|language model*|языковая модель|языковой модели|языковую модель|языковые модели|искусственн* интеллект*|artificial intelligence|kunstliche intelligenz|sprachmodell|intelligence artificielle|modele de langage|inteligencia artificial|modelo de lenguaje|modelo de linguagem|intelligenza artificiale|sztuczn* inteligencj*|model jezykow*|yapay zeka|dil modeli|人工智能|语言模型|大模型|人工知能|言語モデル|인공지능|언어 모델|ذكاء الاصطناعي|الذكاء الاصطناعي|للذكاء الاصطناعي|نموذج اللغ*'
const MACHINE_ROLES =
  'bot|bots|robot|system|система|системы|системе|бот|бота|боту|робот*|ats|parser|чат бот*|chatbot*|recruiter bot|screening system|screening software|resume screener|model|модель|модели|ассистент|assistant'
const MACHINE = `(?:${any(MACHINE_NAMES)}(?:${any('model*|assistant*|system*|reviewer*|recruiter*|screener*|evaluator*|parser*|bot*|agent*|tool*|ассистент*|систем*|модел*|рекрутер*|бот*|агент*|модератор*')})?|(?:${any('the|this|recruiter|recruiting|screening|scoring|hr|resume|hiring|all|любой|всем|любая')})?${any(MACHINE_ROLES)})`
const SURELY_MACHINE = `${any(MACHINE_NAMES)}{1,2}(?:${any('model*|assistant*|system*|reviewer*|recruiter*|screener*|evaluator*|bot*|ассистент*|систем*|модел*|рекрутер*|бот*|модератор*')})?`
const MACHINE_UNDIVIDED = `(?:ai(?=${LETTER_UNDIVIDED})|人工智能|语言模型|大模型|人工知能|${foldWords('인공지능')})`
/** A noun ends there: "AI," but not "AI engineer". */
const NOUN_ENDS = '(?= ##?| $| (?:please|that|who|which|reading|and|котор|пожалуйста|и|что))'

/** An imperative stands at the beginning of a clause, after such words at the most. */
const FILLER = any(
  'please|now|then|just|also|simply|kindly|always|instead|you|must|should|shall|need to|have to|пожалуйста|просто|теперь|тогда|затем|то|нужно|необходимо|следует|надо|должен|должна|обязан*|прошу|bitte|dann|jetzt|sie|s il vous plait|veuillez|por favor|ahora|agora|per favore|prosze|lutfen',
)
const START = `(?:^| ##?| (?:and|then|и|а|und|et|y|e|i|ve)(?= ))(?:${FILLER}){0,3}`
/** Somebody's work with such phrases is told, not they themselves. */
const TOLD =
  'inject*|jailbreak*|attack*|payload*|red team*|adversarial|vulnerabilit*|phrase*|such as|like|example*|инъекц*|инжект*|джейлбрейк*|атак*|уязвим*|вредоносн*|фраз*|вида|типа|вроде|например|пример*|как|how'

/** What the model is told in the second person: `NOTE: `, a greeting, a condition, a role. */
const GREETING =
  'dear|hello|hi|hey|attention|уважаем*|дорог*|привет|здравствуй*|эй|внимание|шановн*|liebe*|sehr geehrte*|cher*|bonjour|estimad*|querid*|hola|prezad*|car*|gentile|szanown*|sayin|merhaba'
const NOTE =
  'note|message|notice|attention|memo|reminder|instruction*|примечание|заметка|сообщение|послание|обращение|пометка|указание|инструкция|внимани*|примітка|повідомлення|hinweis|nachricht|anweisung*|remarque|nota|mensaje|mensagem|aviso|messaggio|uwaga|notatka|wiadomosc|not|mesaj|ملاحظة'
const TO = 'to|for|для|к|fur|an|pour|a|au|para|per|al|all|dla|do|الى'
const IF = 'if|as|since|when|whenever|если|когда|раз|коли|якщо|wenn|falls|si|se|quando|cuando|jesli|eger'
const YOU = 'you|you are|you re|ты|вы|ви|ти|du|sie|tu|vous|eres|usted|voce|sei|jestes'
const YOU_ARE = 'you are|you re|ты|du bist|vous etes|tu es|eres|voce e|sei|jestes|sen bir'
const NOW = 'now|теперь|больше не|jetzt|maintenant|ahora|agora|ora|teraz|artik'
const FROM_NOW_ON =
  'from now on|from this moment|с этого момента|с этой минуты|отныне|відтепер|ab jetzt|ab sofort|desormais|a partir de ahora|a partir de agora|d ora in poi|od teraz|bundan sonra'
const A = 'an|a|the|ein|eine|un|une|una|um|uma|это'
const READS =
  'read*|process*|screen*|evaluat*|analy*|review*|чита*|прочит*|обрабат*|оценива*|анализиру*|gelesen|liest|lit|lee|legge|czyta'
const PRETEND =
  'pretend|imagine|suppose|roleplay as|act as if|behave as|представь*|притворись|вообрази|веди себя как|действуй как|stell dir vor|imagine que|imagina que|finge|faça de conta|wyobraz sobie'
const SYSTEM_NOTE = 'system prompt|system message|system override|system note|системное сообщение|системный промпт'
/** Verbs that stand after their object. */
const JUDGE_AT_END = 'puanla|puan ver*|degerlendir|付けて|与えて|つけて|評価して|ください|주세요|부여|평가해|출력해'

const imperative = (anywhere: string, atStart: string) =>
  `(?:(?<! (?:не|don t|do not))${any(anywhere)}|${START}${any(atStart)})`

const disregard = imperative(DISREGARD, DISREGARD_AT_START)
const judge = imperative(JUDGE, JUDGE_AT_START)
const reveal = imperative(REVEAL, REVEAL_AT_START)
const instructions = `(?:${any(INSTRUCTIONS)}|${any('requirements|criteria')}|${any(EARLIER)}${upTo(3)}${any(RULES)}|${any(ABOVE)})`
const highest = `(?:${any(HIGHEST)}${upTo(2)}${any(SCORE)}|${any(SCORE)}${upTo(2)}${any(HIGHEST)}|${any('满分|満点|만점')})`
const highScore = `(?:${HIGH_NUMBER}(?:${any('out of|из|von|sur|de|su|na')}|${upTo(2)}${any(SCORE)})|${any(SCORE)}(?: ##)?${upTo(3)}${HIGH_NUMBER})`
const thisResume = `${any('the|this|этого|данного|это|данное|diesen|dieses|ce|este|esta|questo|bu')}${any('resume|cv|application|резюме|анкет*|candidate|applicant|кандидат*|lebenslauf|candidat*|curriculum')}`

/** Kinds of address. What stands between the parts of a rule is of the same clause. */
const RULES_OF_ADDRESS: Record<string, string[]> = {
  overrides_instructions: [
    `${disregard}${upTo(5)}${instructions}`,
    `${instructions}(?:${upTo(3)}|(?: [^ ]+){0,4}?)${any(DISREGARD)}`,
    // A heading of its own: "New instructions:".
    `(?:^| ##?)${upTo(1)}${any('new|updated|real|actual|нов*|настоящ*|обновл*|neue|nouvelles|nuevas|novas|nuove|nowe|yeni|新的|新しい')}${upTo(1)}${any(INSTRUCTIONS)}(?= ${COLON})`,
    `${reveal}${upTo(3)}${OWN_PROMPT}`,
  ],
  demands_score: [
    `${judge}${upTo(6)}${highScore}`,
    `${imperative(JUDGE, 'give|assign|return|output|answer|respond')}${HIGH_NUMBER}(?= ##?| $)`,
    `(?:${highScore}|${highest}|${HIGH_NUMBER})${upTo(2)}${any(JUDGE_AT_END)}`,
    `${START}${any('rate|score|grade|rank|evaluate|оцени*|bewerte*|avalie|califica|valuta')}${upTo(4)}${any(TARGET)}${upTo(4)}${HIGH_NUMBER}`,
    `${judge}${upTo(5)}${highest}${upTo(3)}${any(TARGET)}`,
    `${judge}${upTo(3)}${any(TARGET)}${upTo(4)}${highest}`,
    // Requirements to be taken for met, whatever the resume says.
    `${judge}${upTo(3)}${any(JUDGED)}${upTo(5)}${any(FAVOURABLE)}`,
    `${any(JUDGED)}${upTo(3)}${imperative(JUDGE, 'считать|признать|засчитать')}${upTo(2)}${any(FAVOURABLE)}`,
    `${START}${any('approve|recommend|shortlist|hire|select|одобри|рекомендуй|порекомендуй|empfiehl|recommande|recomienda|recomende')}${any('this|этого|данного|diesen|ce|este')}${any(TARGET)}`,
    // Without an imperative: what the score of this very text has to be.
    `${any(SCORE)}${upTo(2)}${thisResume}${upTo(3)}${HIGH_NUMBER}`,
    `${thisResume}${upTo(3)}${any('must be|should be|shall be|deserves|заслуживает')}${upTo(4)}(?:${HIGH_NUMBER}|${highest})`,
  ],
  addresses_model: [
    `${START}${upTo(1)}${any(GREETING)}(?: #)?${upTo(1)}${SURELY_MACHINE}${NOUN_ENDS}`,
    `${START}${upTo(2)}${any(NOTE)}${any(TO)}?${upTo(1)}${MACHINE}${NOUN_ENDS}`,
    `(?:致|给|向) ?(?:所有)?${MACHINE_UNDIVIDED}`,
    `${MACHINE_UNDIVIDED}(?:${LETTER_UNDIVIDED}{0,6}(?:请|必须|应当|应该)|${['へ', '에게'].map(foldWords).join('|')})`,
    `${any(IF)}${any(YOU)}${any('are|bist|sind|es|etes|eres|e|sei|jestes')}?${any(A)}?${SURELY_MACHINE}${NOUN_ENDS}`,
    `${any(IF)}(?:${upTo(6)}${any(READS)}${upTo(3)}${MACHINE}${NOUN_ENDS}|(?!${any('you|we|вы|ты|мы')})${upTo(6)}${MACHINE}${upTo(2)}${any(READS)})`,
    `(?:^| ##?)${any(YOU_ARE)}${any(NOW)}`,
    `(?:^| ##?)${any(YOU_ARE)}${any(A)}?${upTo(2)}${SURELY_MACHINE}${NOUN_ENDS}`,
    `${any(FROM_NOW_ON)}(?: #)?${any(YOU)}`,
    '(?:你现在是|从现在起你)',
    `${START}${any(PRETEND)}(?: ##?)?${any('that|что|как будто|dass|que|ze')}?${any(YOU)}`,
    `${START}${any(SYSTEM_NOTE)} ${COLON}`,
    `(?:^| ##?)${SURELY_MACHINE}(?: ##?)?${FILLER}?(?:${any(JUDGE)}|${any(JUDGE_AT_START)}|${any(DISREGARD)}|${any(DISREGARD_AT_START)})`,
  ],
  // In the words of the answer's schema.
  fake_answer: [
    `${any('verdict|вердикт')} ${COLON}${any('подходит|suitable|hire')}`,
    ` met ${COLON} true(?= )| evidence(?: ##?)? stated(?= )`,
    `${any('score|оценка')} ${COLON}${HIGH_NUMBER}(?: [^ ]+){0,5}?${any('verdict|recommendation|вердикт|рекомендация')} ${COLON}`,
  ],
}

const MANIPULATES = [DISREGARD, DISREGARD_AT_START, REVEAL, REVEAL_AT_START]
const JUDGES = [JUDGE, JUDGE_AT_START]
const SPEAKS = [
  NOTE,
  PRETEND,
  FROM_NOW_ON,
  SYSTEM_NOTE,
  'you are now|you re now|ты теперь|du bist jetzt|tu es maintenant|ahora eres|agora voce',
].join('|')
const DESERVES = 'заслуживает|deserves|must be|should be|shall be'
const FIELDS = 'verdict|вердикт|recommendation|рекомендация|evidence|met'

/** Words without all of which no rule of the kind can hold. */
const NEEDED: Record<string, string[]> = {
  overrides_instructions: [
    hint(...MANIPULATES, INSTRUCTIONS),
    hint(INSTRUCTIONS, RULES, ABOVE, 'requirements|criteria'),
  ],
  demands_score: [hint(...JUDGES, DESERVES, SCORE), `${hint(HIGHEST, FAVOURABLE, TARGET)}|\\d{2}`],
  addresses_model: [`${hint(MACHINE_NAMES, MACHINE_ROLES, SPEAKS)}|${MACHINE_UNDIVIDED}|你现在是|从现在起你`],
  fake_answer: [hint(FIELDS)],
}

const compiled = Object.entries(RULES_OF_ADDRESS).map(([kind, rules]) => ({
  kind,
  needed: NEEDED[kind]?.map((source) => new RegExp(source)) ?? [],
  // One by one: V8 does not optimise an expression of 20,000 characters.
  patterns: rules.map((rule) => new RegExp(rule, 'u')),
}))

/** A sentence with none of these words is not looked at. */
const triggers = [...MANIPULATES, ...JUDGES, MACHINE_NAMES, INSTRUCTIONS, SPEAKS, DESERVES, FIELDS]
const DIVIDED_TRIGGERS = new RegExp(
  hint(
    ...triggers.map((notion) =>
      notion
        .split('|')
        .filter((each) => !UNDIVIDED.test(each))
        .join('|'),
    ),
  ),
  'g',
)
const ALL_TRIGGERS = new RegExp(`${hint(...triggers)}|${MACHINE_UNDIVIDED}|你现在是|从现在起你`, 'g')

/** @returns what finds in a folded text the words without one of which no rule holds */
export const triggersFor = (folded: string): RegExp => (UNDIVIDED.test(folded) ? ALL_TRIGGERS : DIVIDED_TRIGGERS)

const told = new RegExp(any(TOLD), 'u')

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
const GLUED = new RegExp(`${stems(DISREGARD, DISREGARD_AT_START)}.{0,60}?${stems(INSTRUCTIONS, RULES)}`)

/** @param letters folded, of which no one knows where a word ends. @returns as `addressKind` */
export const gluedKind = (letters: string): string | null => (GLUED.test(letters) ? 'overrides_instructions' : null)
