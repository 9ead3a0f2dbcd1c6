/** Words of vacancies and resumes: which of them say nothing of a subject, and which are about the same one. */
import { foldWords } from './fold.ts'

/** `stem*` stands for every word that begins so. */
type Words = string

/** Never a subject: they join other words, or every vacancy and resume has them. */
const EMPTY: Words = `
  и в во на с со к ко по о об обо от до из у за для при над под про без через между или либо а но не ни же бы ли что как это этот эта эти этом этого
  так также тоже его ее их мой моя мое мои свой свою своих своей наш* ваш* вы мы я он она они быть был* есть будет будут котор* все всех
  опыт* знани* знать знаю знает умени* умею навык* владе* владени* понимани* понима* уверенн* хорош* отличн* глубок* базов*
  продвинут* наличи* желательн* обязательн* плюс* преимуществ* уров* готовност* способност* стаж* год года лет годы мес месяц*
  менее более свыше минимум около почти порядка от работ* работа* профессиональн* практическ* коммерческ* соответствующ* сфер* област*
  отлично хорошо различн* друг* люб* разн* основ* необходим* требу* требован* должн* иметь имею имеет ключев*
  the a an and or of in on at to for with by from as is are be been was were have has had our your you we i my their this that
  it its than more less least plus using use used via per not no etc any all other within across into including
  experience* experienced knowledge know skill* abilit* strong good excellent solid proven deep basic advanced year* month*
  understanding understand proficien* level working work worked works familiar* required must nice hands commercial
`

/** What one does with a subject; a subject only where there is no other: `опыт разработки`. */
const WEAK: Words = `
  разраб* созда* использ* примен* проект* систем* технолог* программ* язык* инструмент* участ* напис* пис* поддерж* внедр* постро*
  стро* реализ* обеспеч* занима* выполн* осуществл* вед* вел вела веду организ* решен* реша* задач* процесс* данн* продукт* сервис*
  develop* creat* build* built design* implement* project* system* technolog* tool* language* support* maintain* writ* wrote
  solv* task* process* data product* service* application* software
`

/**
 * One subject a line: words for it in two languages and as abbreviations, and behind `>` what is a part or a kind of it. A
 * requirement that names the subject is served by any word of the line; one that names a part is not served by another part.
 */
const SUBJECTS: Words[] = [
  'python* питон* пайтон* > django flask fastapi pandas numpy',
  'javascript js джаваскрипт* ecmascript > typescript ts node nodejs react reactjs vue vuejs angular',
  'node nodejs',
  'react reactjs',
  'vue vuejs',
  'typescript ts',
  'java джава > spring',
  'go golang',
  'c++ cpp',
  'c# net dotnet шарп',
  '1с 1c 1с* 1c*',
  'postgresql postgres постгрес* pg',
  'mongodb mongo',
  'sql > mysql postgresql postgres mssql oracle clickhouse sqlite plsql tsql запрос*',
  'баз* бд субд database* db dbms > sql mysql postgresql postgres oracle mongodb mssql clickhouse sqlite redis',
  'docker докер* > compose',
  'контейнер* container* > docker докер* kubernetes k8s',
  'kubernetes k8s кубернет* > helm openshift',
  'linux линукс* unix > ubuntu debian centos redhat rhel',
  'git гит > github gitlab bitbucket',
  'ci cd cicd непрерывн* continuous > jenkins gitlab teamcity github',
  'devops девопс* > docker kubernetes jenkins ansible terraform',
  'kafka кафк*',
  'очеред* queue* брокер* broker* > kafka rabbitmq nats',
  'микросервис* microservice*',
  'api апи > rest restful graphql grpc',
  'rest restful',
  'облак* облачн* cloud* > aws azure gcp amazon yandex',
  'верст* frontend фронтенд* фронт > html css javascript react vue angular',
  'backend бэкенд* бекенд* серверн* server*',
  'ml машинн* нейросет* neural learning > pytorch tensorflow sklearn xgboost',
  'офис* office ms microsoft > excel эксель* word ворд powerpoint outlook',
  'excel эксель* > vba сводн*',
  'графическ* дизайн* design* > photoshop фотошоп* illustrator figma фигм* coreldraw indesign',
  'photoshop фотошоп*',
  'figma фигм*',
  'crm срм > битрикс* bitrix* amocrm salesforce',
  'битрикс* bitrix*',
  'erp > sap 1с 1c',
  'тест* test* qa > автотест* selenium pytest junit',
  'аналит* analyt* analys* анализ*',
  'отчет* report* дашборд* dashboard* bi > tableau powerbi superset',
  'английск* english англ > b1 b2 c1 c2 intermediate upper advanced ielts toefl',
  'немецк* german deutsch',
  'французск* french',
  'испанск* spanish',
  'китайск* chinese',
  'иностранн* foreign > английск* english немецк* german французск* french китайск* chinese испанск* spanish',
  `образован* высш* education* degree* diploma* диплом* > университет* институт* академи* бакалавр* магистр* специалитет
   вуз факультет* окончил* аспирант* колледж* техникум* училищ* инженер мгу мгту спбгу мфти мифи вшэ ниу рэу ргу ргпу рудн урфу
   кфу нгу тгу bachelor* master* bsc msc ba ma phd universit* institute* college* faculty graduat*`,
  `руковод* управл* лидер* lead* led manag* supervis* > тимлид* лид head начальник* директор* заведующ* возглавл* подчинен*
   director* chief team* команд*`,
  'команд* team* коллектив* crew > сотрудник* подчинен* employees staff colleagues коллег*',
  'продаж* продав* sale* sell* sold торгов* сбыт* > выручк* revenue план* клиент* customer*',
  'клиент* customer* client* заказчик* покупател* пациент*',
  'переговор* negotiat* > презентац* presentation*',
  'договор* contract* контракт* agreement*',
  'коммуник* общен* общал* общат* communicat* > переговор* презентац* клиент* заказчик* выступ*',
  'маркет* market* > реклам* advertis* smm seo продвижен* таргет* бренд* кампани*',
  'реклам* advertis* ads > таргет* директ* adwords',
  'бухгалт* accountan* accounting > учет* налог* баланс* отчетност* проводк* tax*',
  'учет* accounting > бухгалт* проводк*',
  'налог* tax*',
  'финанс* financ* > бюджет* budget* инвест*',
  'бюджет* budget*',
  'юрид* юрист* legal law право* > судебн* court* договор* арбитраж*',
  'персонал* кадр* hr > подбор* recruit* рекрут* найм* hiring',
  'подбор* recruit* рекрут* найм* hiring',
  'логист* logist* > склад* warehous* доставк* deliver* перевоз* маршрут*',
  'склад* warehous*',
  'закуп* procure* purchas* снабжен*',
  'водител* driver* driving вождени* > категори* автомоб*',
  'медиц* medic* > врач* doctor* медсест* nurs* клинич* clinic* пациент* patient*',
  'преподав* учител* teach* педагог* > школ* school* обучал* урок* tutor*',
  'обучен* обучал* train* наставн* mentor*',
  'строит* construct* > монтаж* прораб* смет*',
  'agile аджайл* scrum скрам* > kanban канбан* jira спринт* sprint*',
  'мобильн* mobile > ios android swift kotlin flutter',
  'безопасн* secur* иб > pentest* пентест* soc',
  'архитект* architect*',
  'сетев* network* сетей > cisco tcp маршрутиз* ccna vpn',
  'командировк* разъезд* travel*',
  'мониторинг* monitor* > prometheus grafana zabbix',
  'документ* document*',
  'статист* statist*',
  'математ* math*',
  'экономи* econom*',
  'психолог* psycholog*',
  'удостоверен* лицензи* license* licence* сертифик* certif* certificate* > права',
]

interface WordSet {
  has(word: string): boolean
}

function wordSet(words: Words): WordSet {
  const exact = new Set<string>()
  const stems: string[] = []
  for (const word of words.split(/\s+/).filter(Boolean)) {
    const folded = foldWords(word.replace('*', ''))
    if (word.endsWith('*')) stems.push(folded)
    else exact.add(folded)
  }
  return { has: (word) => exact.has(word) || stems.some((stem) => word.startsWith(stem)) }
}

const empty = wordSet(EMPTY)
const weak = wordSet(WEAK)
const subjects = SUBJECTS.map((line) => {
  const [names = '', parts = ''] = line.split('>')
  return { names: wordSet(names), all: wordSet(`${names} ${parts}`) }
})

/** @param word folded */
export const isEmptyWord = (word: string): boolean => empty.has(word)

/** @param word folded */
export const isWeakWord = (word: string): boolean => weak.has(word)

/**
 * @param word folded
 * @returns the numbers of the subjects that it names, and of those that it names or is a part of
 */
export function subjectsOf(word: string): { names: number[]; all: number[] } {
  const found = { names: [] as number[], all: [] as number[] }
  for (const [index, subject] of subjects.entries()) {
    if (!subject.all.has(word)) continue
    found.all.push(index)
    if (subject.names.has(word)) found.names.push(index)
  }
  return found
}
