/**
 * Tells whether a clause only plans what a requirement names. A plan in Russian or English has two parts close together: that something is
 * yet to come (a wish, an intention, readiness, a beginning), and a verb or a noun for getting it (to learn, to pass, a course). Either
 * part alone says nothing: "хочу дальше продавать", "планирую закупки", "enrolled 40 patients".
 */
import { within } from './clauses.ts'

/** An infinitive, unless what is already there is used, shown, kept or grown, or it names how, where and when to work. */
const GET =
  '(?!примен|использ|прин[ео]с|показ|реализ|приступ|езд|ехать|[а-я]*дел|перед|разви|рас|продолж|продл|работ|заним|найти|перее|переб|жить|быть|ост|верн|вы[йх]|помо|улучш|стать лучш|больше|отмет|сказа|добав|подчерк|мигрир|обнов)\\p{L}+(?:ть|ти|чь)(?:ся)?'
const WANT =
  'хочу|хочется|хотел[аи]?|хотелось|планирую|собираюсь|намерен[аы]?|намереваюсь|мечтаю|надеюсь|рассчитываю|обещаю|думаю|буду|начинаю|начну|желание|желаю'
/** Who is ready to teach, or to pass a check, may well be able to. Only what is lacking is learnt or obtained. */
const READY = 'готов[аы]?|охотно'
const LACKED =
  '(?:на|об|вы|под|до)?уч(?:и|а)ться|подтянуть(?:ся)?|изуч(?:и|а)ть|осво\\p{L}*ть|осваивать|освою|разобраться|пройти (?:курс|обучени|стажировк|переподготовк)\\p{L}*|получить|оформить|сдать'

const GET_ENGLISH =
  '(?!use|utili[sz]|leverag|show|offer|apply(?! to| for)|bring|keep|continu|work|grow|develop|help|shar|stay|find|join(?= (?:your?|the|an?|us) )|relocat|mov(?:e|ing) to|contribut|build on|mak|put|be |liv|return|improv|say|note|mention|add|emphasi)\\p{L}+'
const WANT_ENGLISH = "(?:want|hope|hoping|intend|plan|planning|would (?:like|love)|i['’]d (?:like|love)|my goal is) to"
/** These often tell what somebody does or offers ("looking to grow sales"), so only what is lacking may follow. */
const AIM =
  '(?:aim|aiming|aspire|aspiring|looking|looking forward|going|about|willing|eager|keen|happy|ready|open|excited) to'
const LICENCE = '(?:certif\\p{L}*|licen[cs]\\p{L}*|diploma|degree|qualif\\p{L}*|accredit\\p{L}*|exams?|tests?)'
const LEARN = `(?:(?:learn|study|train|be trained|obtain|acquire|pick up|explore|master)\\p{L}*|(?:get|take|pass|earn|do|become)(?: \\p{L}+){0,3}? (?:${LICENCE}|courses?|training))`

/** A beginning, or an end that has not come, in one word or with its noun. */
const UNDER_WAY = [
  '(?:из|вы|об|на)уч(?:у|усь)|освою|получу|сдам|подам|пройду|оформлю|окончу|закончу|осваиваю|учусь(?! (?:на (?:\\p{L}+ )?ошибк|кажд|постоянно)\\p{L}*)|доучиваюсь|обучаюсь',
  'прохожу (?:на )?(?:курс[а-я]*|обучение)|поступаю (?:в|на)|подал[аи]? (?:заявк|документ|заявлени)[а-я]*(?=$)|предстоит|намети(?:л[аи]?|м) на|записал[аи]?с[ья] (?:на|в)|записан[аы]?|(?:документы|заявк[уи]|заявление) подал[аи]?',
  'изучаю(?=$| (?:по|на|в|сам|сама|самостоятельно|пока) )|начал[аи]? (?:учить|изучать|осваивать|разбираться)(?!.*\\d{4})|(?:моя|ближайшая) цель(?=$)|получаю (?:\\p{L}+ ){0,2}(?:права|образование|диплом)(?!\\p{L})|в мечтах|начну в|мечта(?=$)|в планах',
  '(?:в процессе|на стадии)(?: (?:изуч|осво|получ|оформл)\\p{L}*)?(?=$)|готовлюсь (?:к (?:\\p{L}+ )?)?(?:экзамен|сда|сертификац|поступ|аттестац)\\p{L}*',
  "(?:(?<=^)|(?<!and )am |i['’]m |still |currently |now |interested in )(?:learning|studying)|started (?:learning|studying)(?!.*\\d{4})|will (?:learn|study)|on my (?:to-(?:do|learn) )?list",
  'taking (?:\\p{L}+ ){1,3}(?:class(?:es)?|course)|halfway through|thinking (?:about|of) (?:starting|taking|doing|learning|studying|getting)',
  `(?:am|i['’]m|currently|now|just|recently) enrolled (?:in|on)|working towards? (?:\\p{L}+ ){0,3}${LICENCE}`,
  `(?:exam|test) (?:is )?(?:scheduled|booked)|${LICENCE} (?:is )?(?:pending|expected)(?! renewal)|in progress(?!:)`,
  '(?<=^)(?:planned|booked|scheduled|мечта)(?: (?:for|in)(?: [\\p{L}\\d]+){1,2})?(?=$)',
]

const PLAN = within(
  [
    `(?:${WANT})(?: (?:бы|также|еще|очень|быстро|большое))*(?: (?!рад)\\p{L}+)? (?:${GET})`,
    'мечтаю (?!стать лучш)\\p{L}+(?:ть|ти|чь)(?:ся)?',
    `(?:${READY}) (?:быстро )?(?:${LACKED})`,
    `${WANT_ENGLISH} ${GET_ENGLISH}`,
    `${AIM} ${LEARN}`,
    ...UNDER_WAY,
  ]
    .join('|')
    .replaceAll(' ', '\\s+'),
)
/** With one of these the skill is there all the same: it is being deepened, or the plan has been carried out since. */
const THERE = within(
  'дальше|больше|чаще|снова|опять|продолж\\p{L}*|углуб\\p{L}*|повы(?:сить|шаю|шать)|втор\\p{L}*|трет\\p{L}*|продвинут\\p{L}*|теперь|further|continue|deepen|improve|more|advanced|full[- ]time|second|third|again|сдал[аи]?|прош(?:ел|ла)|получил[аи]?|окончил[аи]?|passed|took|completed|graduated',
)
/** The requirement is a wish or a training: "Желание учиться", "Студент 3 курса". */
const WISH_WANTED = within(
  'желани\\p{L}*|готов\\p{L}*|студент\\p{L}*|учащ\\p{L}*|учить\\p{L}*|обуча\\p{L}*|не(?:о|за)конч\\p{L}*|student\\p{L}*|trainee\\p{L}*|стремлени\\p{L}*|мотиваци\\p{L}*|интерес\\p{L}*|want\\p{L}*|will\\p{L}*|desire|interest\\p{L}*|learn\\p{L}*|ready|readiness|motivat\\p{L}*',
)

/** Source of a pattern, without the flag `u` and without a look around, of words without which no clause is a plan. */
export const PLAN_SIGNS = [WANT, READY, WANT_ENGLISH, AIM, ...UNDER_WAY]
  .join('|')
  .replaceAll(/\(\?<?[=!](?:[^()]|\((?:[^()]|\([^()]*\))*\))*\)/g, '')
  .replaceAll('\\p{L}', '[a-zа-яё]')
  .replaceAll(' ', '\\s+')

/** @returns whether the requirement itself is a wish or a training, which a plan proves */
export const wantsWish = (requirement: string): boolean => WISH_WANTED.test(requirement)

/** @param clause in small letters. @returns whether it plans something */
export const isPlan = (clause: string): boolean => PLAN.test(clause)

/** @returns whether a text with a plan says that the skill is there all the same */
export const isThere = (text: string): boolean => THERE.test(text)
