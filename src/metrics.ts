export const createMetrics = () => ({
  requestFinished: (_outcome: string, _ms: { waitedMs: number; tookMs: number }) => {},
  attemptFailed: (_code: string) => {},
  foreignKeySkipped: () => {},
  deadLettered: (_reason: string) => {},
  kafka: {},
})
export type Metrics = ReturnType<typeof createMetrics>
