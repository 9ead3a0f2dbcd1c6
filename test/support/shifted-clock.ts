/** Preloaded into a worker (`node --import`): shifts its wall clock by CLOCK_SHIFT_MS, as on a machine without NTP. */
const shiftMs = Number(process.env['CLOCK_SHIFT_MS'])
const TrueDate = Date
const now = () => TrueDate.now() + shiftMs

globalThis.Date = new Proxy(TrueDate, {
  apply: () => new TrueDate(now()).toString(),
  construct: (target, args: unknown[], newTarget) =>
    Reflect.construct(target, args.length === 0 ? [now()] : args, newTarget) as Date,
  get: (target, name, receiver) => (name === 'now' ? now : (Reflect.get(target, name, receiver) as unknown)),
})
