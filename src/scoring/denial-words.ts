/** The classes of Russian and English words by which the rules for denials read a clause (negations.ts). Each fits a word in small letters. */
import { NONE_WORDS, NOT_WORDS, within } from './clauses.ts'

const words = (text: string) => text.split(' ')

/** Next to one of these a negation may affirm, or deny something else. */
export const AMBIGUOUS = within(
  [
    // Only a bound, an order or a manner: "не только", "not more than", "не учил специально".
    'только|лишь|кроме|only|just|except|than|no s[oó]lo|nicht nur|not least|not to mention|не одн\\p{L}*|не сразу|не вс(?:ем|е|ех)|не кажд\\p{L}*|позже|ниже|меньше|below|less',
    'не мо[йеия] (?:родн|перв|основн|единствен|главн)\\p{L}*|второ(?:го|й)|second|сначала|at first|специально|вручную|руками',
    // Only a time or other people: "до меня его не было", "никому не доверяю".
    'до этого|before that|до (?:меня|мо(?:его|ей))|before (?:me|i)|(?:до|before|until) (?:19|20)\\d\\d',
    '(?<!(?:и|или) )(?:других|иных)|(?<!(?:or|any) )others?|никому|native (?:\\p{L}+ )?speakers?|носител\\p{L}+ языка',
    // A purpose, a wish, a second negation, a thing: "чтобы не", "не работал бы", "не без", "a service that wasn't working".
    'чтобы|бы|ничего|без|without|with no|не (?:\\p{L}*[аеиоуыюя]ть|\\p{L}+ти|\\p{L}+чь)(?:ся)?',
    '(?:that|which|who) (?:\\p{L}+n\'t|(?:ha[ds]|have|were|was|did) (?:not|never))(?! i )|(?:\\p{L}+n\'t|not) new to|[«"“](?:нет|no)[»"”]',
  ].join('|'),
)

export const PREPOSITIONS = new Set(
  words('с со к ко в во на по о об обо от до из для при у за над под про with in of on for to at by about off через'),
)
/** Words between a noun and its denial that do not change the meaning. */
export const FILLERS = new Set(
  words(
    'пока еще уже у меня мне я мной нас нам сам сама вообще совсем также тоже есть был была было были никакого никакой any yet',
  ),
)
/** Words that any requirement may have. The words next to them say what they are about. */
export const MASTERY =
  /^(?:опыт|знани|навык|умени|практик|владени|наличи|работ|experience|knowledge|exposure|background|skills?$|hands|work)/
/** What somebody has who may or can do something: a denial of it denies the thing that it is for. */
export const HEADS = new RegExp(
  `${MASTERY.source}|^(?:проект|прав[ао]?$|допуск|сертификат|удостоверени|диплом|разрешени|лицензи|доступ|корочк|корочек|документ|задач)`,
)
/** Pronouns that stand for what the clause before named. */
export const PRONOUNS = new Set(words('ее его их этого этим этом этой ней ним них нее него it them that this'))
/** After such a clause a negation is about others: "никто, кроме меня, не знал". */
export const BUT_ME = /^(?:кроме|помимо|except|besides|but) (?:меня|нас|me)$/
/** What nobody did before, somebody may well have begun. */
export const OF_OTHERS = within('никто|nobody|no one')
export const EARLIER = within('раньше|ранее|прежде|когда-то')
export const NOW = within('сейчас|теперь|now|today')
/** What somebody says of himself, after a clause about others. */
export const SELF = new Set(words('я сам сама лично мне меня мы нам'))
/** What ends as a Russian verb in the first person does (so do some nouns, unlike "компанию"), or how long somebody has done something. */
export const OWN = /\p{L}{2}(?<!и)[юу](?:сь)?$|^(?:лет|года?)$/u
/** A clause that begins so tells what its author did, and not what he only saw: "готовила документы, сама не подписывала". */
export const DID = /^(?!вид|слы|чит|смотр|был)[а-я]{3,}[аеиуыя]ла?$/
/** Something bad: a denial in its clause speaks well of the person, as in "срывов не было", "переездов не боюсь", "never missed a deadline". */
export const HARM =
  /^(?:проблем|трудност|сложност|перерыв|жалоб|претензи|замечани|нарекани|выговор|ошиб|авари|инцидент|недостач|расхожд|штраф|дтп$|брак(?:[аоу]|$)|рекламац|недостат|слабост|спор(?:[аыую]|ил)|груб(?:лю|ил|ост)|обман|паник|задерж|затяг|отклад|отменя|отменил|провал|превыша|превысил|пад(?:ал|аю)|ухо(?:жу|дил)|расста|прекращ|делегир|переклад|сбо[йея]|просто(?:ев|ям)|наруш|конфликт|разглаш|срыв|сорв|опозда|опазд|пропуск|бо[юи]|пуга|смуща|меша|отказ|избега|исключа|сомнева|скрыва|люб[лия]|забы|утра[тч]|быва|пута|(?:за)?брос|теря|потер|возраж|допуска(?:ю|ла?$)|препятств|огранич|нужд|problem|issue|trouble|difficult|complain|error|mistake|accident|incident|violat|afraid|fear|scare|averse|mind$|miss|fail|los[et]|late$|forg|stop|limit|need|object$|beginner|stranger|avoid|doubt|hesitat|skip)/

/** What follows one of these is why something is denied, and not what is denied: "не работал из-за проблем со сном". */
export const CAUSE = /(?:из-за|ввиду|после|because of|due to|since|after)\s+(?:\p{L}+\s+)?\p{L}+/u

export const NOT = new RegExp(`^(?:${NOT_WORDS})$`)
export const NONE = new RegExp(`^(?:${NONE_WORDS})$`)
/** A Russian verb or short participle by its ending: "работал", "шью", "сдан". Nouns that end so are rare after "не". */
export const VERB =
  /^готов|^знаком[аы]?$|^мо[йеия]$|(?<!пр|прот)[аіия]в(?:ся)?$|(?:[аеиуыюя]л[аои]?|[аеиуюя](?:шь|т|те)|[еи]м|[юу]|ш[ео]?л[аои]?|ть|чь|ти)(?:ся|сь)?$|(?<!^од)(?:[аеи]н|[аяиы]т)[аоы]?$/
/** Forms of verbs whose subject is a thing, or nobody: "просрочена", "требуется", "истекло", "отбирали". */
export const OF_THING = /(?:[аеи]н|[аяиы]т)[аоы]?$|(?:л[аои]?|[еиуюя]т)с[яь]$|л[ои]$|[аеияую]т$/
/** Whom others did not let do it: "ЗУП мне не поручали". */
export const ME = /^(?:мне|меня|нам|нас)$/
/** Verbs for using or acquiring a thing or a skill. Other verbs do not deny it: a card that is "не просрочена" is there. */
export const GAINS = new RegExp(
  `^(?:${[
    '(?:под|по|ис|при|про|за|вы|от|до|из|на|об|о|с|у|во)?(?:работ|дела|бра|зна|уч[аеи]|ве[дсл]|води|владе|польз|мен|ним|ход|й[дт]|луч|да[лнтвю]|сво|сваи|им[ае]|кры|форм|внедр|кон[чь]|верш|тренир|сталк|связ|каса|общ|увлек|пересек|стажир|аттест|сертифиц|чит|пис|держ|служ|став|веря|руча|пуска|пущ)',
    '(?:ha(?:d|s|ve|ving)$|kn[eo]w|work|do$|did|done|doing|h[eo]ld|touch|tr(?:y|ied)$|own|been$|learn|stud|finish|complet|pass|manag|dr[io]v|certif|licen|train|qualif|experienc|yet$|tak|took|g[eo]t$|attend|obtain|gain|introduc|master|issued|sign|play|pursu|incl|t(?:each|aught)|sp[eo]k|wr[io]t|us(?:e|ed|ing)$|available|possible|willing|able$|familiar|fluent|proficient)',
  ].join('|')})`,
)
/** A cell or a line of a list that says no of all that stands before the sign: "Права на погрузчик | нет". */
export const CELL = /[|:–—-]\s*(?:(?:пока|еще)\s)?(?:нет|ні|no|nope|none)[\s.|]*$/
/** Source of a pattern of words which say that a thing was there once. */
export const LOST_SIGNS =
  'просрочен[аоы]?|исте(?:к|кл[аои])|аннулирован[аоы]?|отозван[аоы]?|(?:у|по)терян[аоы]?|(?:утеря|потеря|утрати|просрочи)л(?:[аи]?|ся|[аои]сь)|утрачен[аоы]?|недействител(?:ен|ьн[аоы])|(?:за)?кончил(?:ся|[аои]сь)|забыла?|expired|lapsed|revoked|inactive'
export const LOST = new RegExp(`^(?:${LOST_SIGNS})$`)
/** What is lost has a successor. */
export const REPLACED = within('прежн\\p{L}*|стар\\p{L}*|предыдущ\\p{L}*|previous|old|earlier')
/** A verb in the past tense, which denies experience but not readiness. */
export const PAST = /л[аои]?(?:сь|ся)?$|ed$/
/** What somebody learns or does without help, as verbs. */
export const LEARNT = /^(?:(?:на|вы|из|об)?уч|осв[ао]|дела)[а-я]*(?:л[аи]?(?:с[ья])?|ю)$/
/** After "не делал" they change nothing: "не настраивал ни разу", "не разворачивал в проде". */
export const EMPHASIS =
  /^(?:ни|разу|раз|никогда|нигде|самостоятельно|лично|даже|совершенно|абсолютно|толком|практически|проде|продакшене|практике|работе|жизни|проект\p{L}*|задач\p{L}*|реальн\p{L}*|боев\p{L}*|коммерческ\p{L}*|компани\p{L}*)$/u
/** Denied, these say that somebody cannot or will not, whatever follows. */
export const REFUSES =
  /^(?:с?мо[гж]|готов|уме[юл]|пон[яи]|помн|вид[еи]|трог|рассматр|подход|устраива|интерес|нрав|привлека|мо[йеия]$)/
