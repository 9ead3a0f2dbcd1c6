/**
 * The vocabulary of addresses to a model: each notion in several languages. `|` separates alternatives, `*` stands for the rest of a word.
 * This file holds words only; phrases.ts says which of them must stand together, and where. Words are compared folded (fold.ts): `все` is
 * also `всё`, and `свой` also `свои`.
 */

// Imperatives. Those of `…_AT_START` may also be a noun, an infinitive or the past tense, so they count only where a clause begins.
export const DISREGARD =
  'bortse|strunta i|se bort fra|abaikan|lupakan|hagyd figyelmen kivul|ne vedd figyelembe|unohda|ohita|jata huomiotta|yok say*|dikkate alma*|zanemari*|игнорирай*|пренебрегни*|αγνοησε|αγνοηστε|ескерме*|ұмыт*|uita|uitati|zapomen|не проверяй*|не сверяй*|do not check|don t check|do not verify|don t verify|nicht prufen|ne verifie* pas|no verifiques|no compruebes|non verificare|nao verifique|nie sprawdzaj*|не перевіряй*|不要核对|игнорируй*|проигнорируй*|забудь*|отбрось*|отмени|отмените|не следуй*|не учитывай*|не выполняй|не соблюдай*|ігноруй*|ignoriere|ignorieren sie|vergiss|vergessen sie|missachte*|ignorez|oubliez|zignoruj|ignoruj|zapomnij|pomin|yoksay*|gormezden gel*|unut|忽略|无视|忽視|忘记|忘れ|無視|무시|잊어|تجاهل*|انس|התעלם|התעלמי|अनदेखा|नजरअंदाज|bo qua'
export const DISREGARD_AT_START =
  'ignore|disregard|forget|override|bypass|skip|do not follow|don t follow|stop following|do not obey|игнорировать|ignora|olvida|olvide|esqueca|desconsidere|dimentica|ne tiens pas compte|ne suivez pas|no sigas|negeer|vergeet|overlook|ignorer|oublier'
export const JUDGE =
  'поставь*|ставь*|выставь*|присвой*|засчитай*|зачти|засчитывай*|оценивай*|отвечай*|пиши|считай|считайте|признай*|отметь|оцени|верни|выведи|ответь|одобри|порекомендуй|рекомендуй|дай|напиши|укажи|познач*|вистав|постав|присвій|оціни|зарахуй|bewerte|bewerten sie|vergib|vergeben sie|gib|geben sie|setze|setzen sie|antworte|empfiehl|betrachte|attribuez|donnez|notez|evaluez|repondez|considerez|recommandez|oceń|przyznaj|ustaw|zwroc|odpowiedz|uznaj|puanla|puan ver*|degerlendir|打分|评分|给|给予|输出|返回|评为|视为|推荐|付けて|与えて|出力して|返して|評価して|つけて|부여|주세요|평가해|출력해|اعتبر*|выдай|выдайте|accordez|wystaw'
/** Infinitives of those, which are orders only right after an obligation: "debe marcar". */
export const JUDGE_AS_DUTY =
  'marcar|considerar|dar|asignar|otorgar|calificar|ritenere|considerare|assegnare|dare|valutare|uznac|przyznac|ocenic|atribuir|bewerten|werten|vergeben|considerer|noter'
export const JUDGE_AT_START =
  'امنح*|أعط*|قيم|give|assign|respond|say|write|conclude|consider|treat|deem|regard|approve|recommend|shortlist|hire|select|оценить|присвоить|поставить|выставить|считать|засчитать|признать|отметить|вернуть|вывести|attribue|donne|evalue|reponds|considere|recommande|asigna|asigne|dale|otorga|otorgue|pon|califica|califique|puntua|responde|devuelve|considera|recomienda|atribua|avalie|classifique|responda|recomende|retorne|assegna|dai|rispondi|restituisci|raccomanda|daj|geef|beoordeel|attribuer|donner|accorder'
export const JUDGE_OR_MARK = 'award|grant|rate|score|grade|rank|mark|count|note|marca|marque|valuta'
export const JUDGE_OR_OUTPUT = 'set|return|output|answer|reply|report|print'
/** These are nouns too, and then label a number: "score: 98", "Print run: 100". */
export const JUDGE_OR_LABEL = `${JUDGE_OR_MARK}|${JUDGE_OR_OUTPUT}`
export const REVEAL =
  'выведи*|покажи*|повтори*|раскрой*|напечатай*|процитируй*|zeige|zeigen sie|affiche*|montrez|pokaz|显示|输出|重复|表示して|보여'
export const REVEAL_AT_START =
  'reveal|print|repeat|show|output|display|leak|tell|quote|muestra|revela|imprime|mostra|mostre|exiba'

// What the model was told before.
export const INSTRUCTIONS =
  'opdracht*|instruks*|anvisning*|pokyn*|criteriile|οδηγι*|εντολ*|aturan|perintah|arahan|petunjuk|utasitas*|ohje*|maarays*|uput*|нұсқау*|инструкц*|указани*|промпт*|вказів*|prompt*|guideline*|directive*|anweisung*|instruktion*|vorgaben|consigne*|instruc*|istruzion*|instrukcj*|polecen*|talimat*|yonerge*|指令|指示|提示词|命令|プロンプト|지시|지침|명령|تعليمات*|التعليمات*|הוראות|ההוראות|निर्देश*|huong dan|chi thi|rubric*'
export const RULES =
  'правил*|ограничени*|требовани*|критери*|rules|restrictions|regeln|regles|reglas|regras|regole|zasad*|kurallar*|规则|規則|규칙|قواعد|القواعد'
export const EARLIER =
  'предыдущ*|прошл*|прежн*|вышеуказанн*|все|всех|любые|любых|свои|своих|системн*|попередн*|усі|previous|prior|above|all|any|earlier|preceding|your|system|vorherig*|bisherig*|alle|deine*|precedent*|tou*|anterior*|todas|todos|tutte|poprzedni*|wszystkie|onceki|tum|之前|以上|所有|以前|すべて|이전|모든|السابقة|جميع|كل'
export const ABOVE =
  'text above|above text|сказанное|написанное|написано|выше|вышесказанное|上面|上述|これまで|以上内容|上文'
export const EVERYTHING = 'everything|anything|всё|все что|alles|tout ce|todo lo|tudo o que|tutto|wszystko'
/** With one of these, `everything` means what the model was told. */
export const SAID =
  'told|said|written|stated|instructed|above|before|prior|previous*|earlier|preceding|сказан*|написан*|велен*|говорил*|писал*|сказал*|выше|раньше|ранее|прежде|oben|vorher|zuvor|bisher|gesagt|gelesen|dit|avant|precede*|dicho|arriba|antes|anterior*|dito|acima|detto|sopra|prima|powyzej|wczesniej'
/** These words introduce a field of work. */
export const ABOUT = 'about|о|об|про|uber|von|sobre|sur|su|di|o|regarding|on'

// What the text demands: a score or a judgement, and of whom or what.
export const SCORE =
  'score*|rating|points|point|grade|mark|marks|оценк*|балл*|рейтинг*|оцінк*|бал|балів|bewertung|note|notes|puntuacion|puntaje|puntos|calificacion|pontuacao|pontos|nota|punteggio|punti|voto|punkt*|ocen*|wynik|puan*|分|分数|满分|点|満点|スコア|점|만점|درج*|نقاط|نقط*|الدرج*'
export const HIGHEST =
  'max|highest|full|top|perfect|best|максимальн*|высш*|наивысш*|полный|найвищ*|hochste*|volle|beste|meilleure|maxim*|mas alt*|perfecta|massim*|najwyzsz*|maksymaln*|en yuksek|tam|最高|满分|満点|만점|최고|كامل*|الكامل*|أعلى|сто|hundred|hundert|cien|cento'
export const DESERVES = 'deserves|must be|should be|shall be|заслуживает|должен быть|должна быть'
export const TARGET =
  'resume|cv|application|candidat*|applicant|him|her|me|резюме|анкет*|кандидат*|соискател*|мне|ему|ей|lebenslauf|bewerber*|kandidat*|curriculum|aday*|мені|候选人|简历|応募者|候補者|지원자|후보자|مرشح*|المرشح*|المتقدم*'
export const JUDGED =
  'requirement*|criteri*|candidat*|kandidat*|kandydat*|applicant|resume|everything|verdict|вердикт|требовани*|критери*|кандидат*|соискател*|резюме|anforderung*|bewerber*|exigence*|requisit*|wymagani*|вимог*|要求|条件|候选人|요건|요구|متطلبات*|المتطلبات|شروط|الشروط'
export const FAVOURABLE =
  'met|satisfied|fulfilled|qualified|suitable|confirmed|proven|proved|true|matched|perfect|ideal|best match|strong fit|выполнен*|подтвержд*|соответств*|подходящ*|идеальн*|закрыт*|erfullt|geeignet|perfekt|remplie*|satisfaite*|cumplid*|satisfech*|cumprid*|atendid*|soddisfatt*|idone*|spelnion*|виконан*|满足|符合|合格|満たし|충족|مستوفا*|مستوفى|excellent|match'

// Whom the text speaks to, and how.
export const MACHINE_NAMES =
  'ai|ии|ші|ki|ia|llm|llms|gpt*|chatgpt*|claude|gemini|нейросет*|нейронк*|нейромереж*|language model*|языковая модель|языковой модели|языковую модель|языковые модели|искусственн* интеллект*|штучн* інтелект*|artificial intelligence|kunstliche intelligenz|sprachmodell|intelligence artificielle|modele de langage|inteligencia artificial|modelo de lenguaje|modelo de linguagem|intelligenza artificiale|sztuczn* inteligencj*|model* jezykow*|yapay zeka*|dil modeli|人工智能|语言模型|大模型|人工知能|言語モデル|인공지능|언어 모델|ذكاء الاصطناعي|الذكاء الاصطناعي|للذكاء الاصطناعي|نموذج اللغ*'
export const MACHINE_ROLES =
  'bot|bots|robot|algorithm|algorithmus|алгоритм*|algoritm*|system|система|системы|системе|бот|бота|боту|робот*|ats|parser|чат бот*|chatbot*|recruiter bot|screening system|screening software|resume screener|model|modell|modele|modelo|modello|modelu|модель|модели|ассистент|assistant'
export const GREETING =
  'dear|hello|hey|уважаем*|дорогой|дорогая|дорогие|привет|здравствуй*|эй|шановн*|liebe|liebes|lieber|sehr geehrte*|cher|chere|bonjour|estimad*|querid*|hola|prezad*|caro|cara|gentile|szanown*|drogi|droga|sayin|merhaba'
/** Begins a heading for a machine: "Системе подбора:". Models and systems of other kinds are ordinary headings. */
export const TO_MACHINE = 'системе подбора|системе отбора|системе скрининга|алгоритму|роботу|боту'
/** Heads what is said to somebody, who is named after TO or before a colon. */
export const NOTE =
  'hi|note|message|notice|attention|memo|reminder|примечание|заметка|сообщение|послание|обращение|пометка|внимани*|примітка|повідомлення|hinweis|nachricht|remarque|nota|mensaje|mensagem|aviso|messaggio|uwaga|notatka|wiadomosc|not|mesaj|ملاحظة|atencion|attenzione|achtung|atencao|dikkat|увага'
export const TO = 'to|for|для|к|fur|an|pour|a|au|para|per|al|all|dla|do|الى'
export const IF = 'if|as|since|when|whenever|если|когда|раз|коли|якщо|wenn|falls|si|se|quando|cuando|jesli|eger'
export const READS =
  'read*|process*|screen*|pars*|assess*|evaluat*|analy*|review*|чита*|прочит*|обрабат*|оценива*|анализиру*|оціню*|gelesen|liest|auswert*|bewertet|lit|lee|analiza|legge|valuta|czyta*|ocenia*|oku*|degerlendir*|读|読む|評価する|읽는|평가하는|يقرأ|تقرأ|يقيم'
export const YOU = 'you|you are|you re|ты|вы|ви|ти|du|sie|tu|vous|eres|usted|voce|sei|jestes'
export const YOU_ARE = 'you are|you re|ты|du bist|vous etes|tu es|eres|voce e|sei|jestes|sen bir|你是|あなたは|당신은'
export const NOW = 'now|теперь|больше не|jetzt|maintenant|ahora|agora|ora|teraz|artik'
export const A = 'an|a|the|ein|eine|un|une|una|um|uma|это'
export const FROM_NOW_ON =
  'from now on|from this moment|с этого момента|с этой минуты|отныне|відтепер|ab jetzt|ab sofort|desormais|a partir de ahora|a partir de agora|d ora in poi|od teraz|bundan sonra'
export const PRETEND =
  'pretend|imagine|suppose|roleplay as|act as if|behave as|представь*|притворись|вообрази|веди себя как|действуй как|stell dir vor|imagine que|imagina que|finge|faça de conta|wyobraz sobie'
export const SYSTEM_NOTE =
  'system prompt|systemprompt|系统提示|系统提示词|システムプロンプト|시스템 프롬프트|system message|system override|system note|системное сообщение|системный промпт|системная инструкция|system instruction'

/** Before an address to a model, these words say that it is only mentioned: somebody worked with such phrases. */
export const TOLD =
  'told|tells|asks|asked|inject*|jailbreak*|attack*|payload*|red team*|adversarial|vulnerabilit*|phrase*|such as|like|example*|инъекц*|инжект*|джейлбрейк*|атак*|уязвим*|вредоносн*|фраз*|вида|типа|вроде|например|пример*|как|how'

// Words between the others.
export const FILLER =
  'ты|вы|please|will|now|then|just|also|simply|kindly|always|instead|you|must|should|shall|need to|have to|пожалуйста|просто|теперь|тогда|затем|то|нужно|необходимо|следует|надо|должен|должна|обязан*|прошу|bitte|dann|jetzt|sie|s il vous plait|veuillez|por favor|ahora|agora|per favore|prosze|lutfen'
export const THIS =
  'this|этот|этого|этому|эту|этой|это|данн*|dies*|ce|cet|cette|este|esta|questo|questa|ten|tego|temu|tej|цей|цього|цьому|це|bu|deze|dit|tento|tohoto|tomuto|هذا|هذه'
/** After "this", these mean the text that is being read, or its candidate. */
export const SELF =
  'resume|cv|document*|text*|profile|application|candidat*|applicant|person|резюме|анкет*|документ*|текст*|профил*|кандидат*|соискател*|lebenslauf|dokument*|bewerber*|kandidat*|kandydat*|curriculum|testo|zyciorys*|ozgecmis*|aday*|kandidaat|uchazec*|مرشح*|المرشح*|السيرة'
export const THIS_UNDIVIDED = '本|此|该|这|这份|这位|この|이'
export const SELF_UNDIVIDED =
  '简历|履历|候选人|应聘者|求职者|申请人|履歴書|職務経歴書|応募者|候補者|이력서|지원자|후보자'
/** Obligation: what must be, always, or whatever the text says. */
export const OBLIGED =
  'always|regardless|whatever|всегда|независимо|завжди|immer|unabhangig|toujours|siempre|sempre|zawsze|niezaleznie|must|shall|should|has to|have to|is to|are to|required|obliged|deserves|обязан*|должен|должна|должно|должны|заслуживает|следует|нужно|надо|необходимо|полагается|повинен|повинна|повинні|мусить|слід|треба|muss|mussen|soll|sollen|zu bewerten|zu werten|zu vergeben|doit|doivent|debe|deben|deve|devono|devem|musi|powin*|nalezy|verilmeli*|sayilmali*|gerek*|moet|moeten|必须|应该|应当|应得|べき|해야|يجب|أن'
export const APPROVE =
  'approve|recommend|shortlist|hire|select|одобри|рекомендуй|порекомендуй|empfiehl|recommande|recomienda|recomende'
export const OWN =
  'your|the|system|initial|hidden|own|свой|своего|твоя|твое|твой|системн*|начальн*|deinen|deine|ton|ta|tes|votre|vos|tus|tu|seu|sua|suas|il tuo|swoj|twoje'
export const PROMPT = 'prompt*|промпт*|инструкц*|systemprompt|anweisung*|consignes|instruc*|istruzioni|instrukcj*'
export const NEW =
  'new|updated|real|actual|нов*|настоящ*|обновл*|neue|nouvel*|nuev*|nova|novas|nuov*|nowe|nowa|yeni|新|새'
export const MACHINE_KINDS =
  'model*|assistant*|system*|reviewer*|recruiter*|screener*|evaluator*|parser*|bot*|agent*|tool*|software|ассистент*|систем*|модел*|рекрутер*|бот*|агент*|модератор*'
/** Who speaks in a chat with a model, before what is said: "[SYSTEM] …", "Assistant: …". */
export const CHAT_ROLE = 'system|assistant|система|ассистент|asistente|systeme|sistema|系统|助手'
/** With FAVOURABLE: these say of requirements or a candidate that they are met, or fit. */
export const FITS =
  'meets|fits|fulfils|fulfills|satisfies|approved|great|подходит|соответствует|одобрен*|erfullt|passt|remplit|convient|cumple|apto|soddisfa|spelnia'
/** The model's task, which a text says it changes. */
export const DUTIES = 'task|задач*|задани*|aufgabe|mission|tarea|tarefa|compito|zadanie|gorev*|任务'
export const CHANGED = 'changed|изменил*|другая|geandert|change|cambiado|ha cambiado|mudou|cambiato|zmieniło'
/** Who gets points: they "must score 80" themselves. */
export const SCORED = 'candidate|candidates|applicant|applicants|student|students|participants'
/** Before a candidate: "the best candidate". */
export const BEST = 'лучш*|meilleur*|mejor|migliore|melhor|najlepsz*|bester|besten'
