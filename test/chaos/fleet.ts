/** Workers that are started, killed, frozen and stopped; each has its own key, so the model server's log shows who called. */
import { hashKey } from '../../tools/openai-stub/decide.ts'
import type { Happening } from '../support/audit.ts'
import type { Worker } from '../support/worker.ts'
import type { World } from '../support/world.ts'

export interface Member {
  name: string
  /** As in the model server's log. */
  key: string
  worker: Worker
  frozen: Happening | null
  /** It was told to end, so its exit is expected. */
  ending: boolean
}

export type Fleet = ReturnType<typeof createFleet>

/** Epoch ms, by the clock of the model server's log. */
export const now = () => performance.timeOrigin + performance.now()

/** @param happenings takes a note of what was done to each worker */
export function createFleet(world: World, happenings: Happening[], say: (line: string) => void) {
  const members: Member[] = []
  /** What workers did unexpectedly. */
  const faults: string[] = []

  const here = () => members.filter(({ ending }) => !ending)
  const running = () => here().filter(({ frozen }) => frozen === null)

  function note(what: Happening['what'], { key }: Member): Happening {
    const happening = { what, key, fromMs: now(), toMs: Number.POSITIVE_INFINITY }
    happenings.push(happening)
    return happening
  }

  function join(): Member {
    const number = members.length + 1
    const secret = `sk-chaos-${number}`
    const worker = world.start({ OPENAI_KEY: secret })
    const member: Member = { name: `worker ${number}`, key: hashKey(secret), worker, frozen: null, ending: false }
    members.push(member)
    say(`${member.name} joins, known to the model as ${member.key}`)
    void worker.exited.then((code) => {
      if (member.ending) return
      member.ending = true
      const fault = `${member.name} ended by itself with ${code}:\n${worker.lines.slice(-20).join('\n')}`
      say(fault)
      faults.push(fault)
    })
    return member
  }

  async function kill(member: Member): Promise<void> {
    say(`${member.name} is killed`)
    member.ending = true
    const happening = note('killed', member)
    // It has done nothing since it was frozen.
    happening.fromMs = member.frozen?.fromMs ?? happening.fromMs
    thaw(member)
    await member.worker.end('SIGKILL')
    happening.toMs = now()
  }

  function freeze(member: Member): void {
    say(`${member.name} is frozen`)
    member.worker.kill('SIGSTOP')
    member.frozen = note('frozen', member)
  }

  function thaw(member: Member): void {
    if (member.frozen === null) return
    member.frozen.toMs = now()
    member.frozen = null
    // SIGKILL is pending before SIGCONT lets it run, so it does nothing more.
    if (!member.ending) say(`${member.name} is thawed`)
    if (!member.ending) member.worker.kill('SIGCONT')
  }

  /** Stops it as a deployment does. */
  async function leave(member: Member): Promise<void> {
    say(`${member.name} leaves`)
    member.ending = true
    const happening = note('stopped', member)
    const code = await member.worker.end('SIGTERM')
    happening.toMs = now()
    // A signal that arrives before Node has loaded the worker ends the process without a drain.
    const hadBegun = member.worker.lines.length > 0
    if (code !== 0 && hadBegun) faults.push(`${member.name} ended with ${code} on SIGTERM`)
  }

  return { members, faults, here, running, join, kill, freeze, thaw, leave }
}
