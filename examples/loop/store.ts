/** The example's database: requests and their history, callbacks that are due, and the scores. One SQLite file. */
import { EventEmitter } from 'node:events'
import { DatabaseSync } from 'node:sqlite'
import type { ProcessingRecord } from '../../src/schemas.ts'

export interface HistoryEvent {
  /** ISO 8601 */
  at: string
  what:
    'accepted' | 'scored' | 'refused' | 'failed' | 'stored' | 'callback failed' | 'called back' | 'callback given up'
  detail: string | null
}

export interface Callback {
  id: bigint
  url: string
  /** JSON, signed and sent as it is. */
  body: string
  retryAfterSeconds: number | null
  attempts: number
}

const TABLES = `
  PRAGMA journal_mode = WAL;
  CREATE TABLE IF NOT EXISTS events (id INTEGER NOT NULL, at TEXT NOT NULL, what TEXT NOT NULL, detail TEXT);
  CREATE INDEX IF NOT EXISTS events_of ON events (id);
  CREATE TABLE IF NOT EXISTS outcomes (id INTEGER PRIMARY KEY, body TEXT NOT NULL);
  CREATE TABLE IF NOT EXISTS callbacks (
    id INTEGER PRIMARY KEY, url TEXT NOT NULL, body TEXT NOT NULL, retry_after INTEGER,
    attempts INTEGER NOT NULL DEFAULT 0, due_ms INTEGER, outcome TEXT);
  CREATE TABLE IF NOT EXISTS scores (
    processing_id INTEGER PRIMARY KEY, user_id INTEGER NOT NULL, resume_id INTEGER NOT NULL, requirements_id INTEGER NOT NULL,
    score INTEGER NOT NULL, verdict TEXT NOT NULL, recommendation TEXT NOT NULL, matches TEXT NOT NULL);`

export type Store = ReturnType<typeof openStore>

/** @param file a path, or `:memory:` */
export function openStore(file: string) {
  const database = new DatabaseSync(file, { readBigInts: true })
  database.exec(TABLES)
  const changes = new EventEmitter<Record<string, [HistoryEvent]>>()
  changes.setMaxListeners(0)

  const addEvent = database.prepare('INSERT INTO events (id, at, what, detail) VALUES (?, ?, ?, ?)')
  const eventsOf = database.prepare('SELECT at, what, detail FROM events WHERE id = ? ORDER BY rowid')
  const addOutcome = database.prepare('INSERT INTO outcomes (id, body) VALUES (?, ?) ON CONFLICT DO NOTHING')
  const outcomeOf = database.prepare('SELECT body FROM outcomes WHERE id = ?')
  const addCallback = database.prepare(
    'INSERT INTO callbacks (id, url, body, retry_after, due_ms) VALUES (?, ?, ?, ?, ?) ON CONFLICT DO NOTHING',
  )
  const dueCallbacks = database.prepare('SELECT * FROM callbacks WHERE due_ms <= ? ORDER BY due_ms LIMIT ?')
  const triedCallback = database.prepare(
    'UPDATE callbacks SET attempts = attempts + 1, due_ms = ?, outcome = ? WHERE id = ?',
  )
  const addScore = database.prepare('INSERT INTO scores VALUES (?, ?, ?, ?, ?, ?, ?, ?) ON CONFLICT DO NOTHING')
  const scoreOf = database.prepare('SELECT * FROM scores WHERE processing_id = ?')

  return {
    note(id: bigint, what: HistoryEvent['what'], detail: string | null = null): void {
      const event = { at: new Date().toISOString(), what, detail }
      addEvent.run(id, event.at, what, detail)
      changes.emit(String(id), event)
    },
    history: (id: bigint) => eventsOf.all(id) as unknown as HistoryEvent[],
    /** @returns a function that ends the following */
    follow(id: bigint, onEvent: (event: HistoryEvent) => void): () => void {
      changes.on(String(id), onEvent)
      return () => void changes.off(String(id), onEvent)
    },

    /** The first outcome of an id stays. @returns whether this is the first */
    keepOutcome: (id: bigint, body: string) => addOutcome.run(id, body).changes > 0,
    outcome: (id: bigint) => (outcomeOf.get(id)?.['body'] as string | undefined) ?? null,

    /** The callback is due until it was delivered or given up; a restart goes on with it. */
    enqueueCallback({ id, url, body, retryAfterSeconds }: Omit<Callback, 'attempts'>): void {
      addCallback.run(id, url, body, retryAfterSeconds, Date.now())
    },
    dueCallbacks(atMs: number, most: number): Callback[] {
      return dueCallbacks.all(atMs, most).map((row) => ({
        id: row['id'] as bigint,
        url: row['url'] as string,
        body: row['body'] as string,
        retryAfterSeconds: row['retry_after'] === null ? null : Number(row['retry_after']),
        attempts: Number(row['attempts']),
      }))
    },
    /** @param nextMs when it is due again, ms since the epoch; null when it is over */
    callbackTried: (id: bigint, nextMs: number | null, outcome: string) => void triedCallback.run(nextMs, outcome, id),

    /** @returns whether the record is new */
    addScore(record: ProcessingRecord): boolean {
      const { processing_id: id, user_id: user, resume_id: resume, requirements_id: requirements } = record
      const { score, verdict, recommendation, matches } = record
      const values = [id, user, resume, requirements, score, verdict, recommendation, JSON.stringify(matches)]
      return addScore.run(...values).changes > 0
    },
    score: (id: bigint) => scoreOf.get(id) ?? null,
    close: () => database.close(),
  }
}
