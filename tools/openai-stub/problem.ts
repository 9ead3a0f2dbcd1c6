/** An error of the server, independent of the form in which it is written. */

/** An error status and message in OpenAI's words; `renderProblem` puts them into the server's own form. */
export interface Problem {
  status: number
  message: string
  type: string | null
  param: string | null
  code: string | null
  headers?: Record<string, string>
  /** Azure's own code and message, where they differ. */
  azure?: { code: string; message: string }
  /** vLLM's own wording, where it differs. */
  vllm?: string
  /** Azure's reasons for a filtered prompt. */
  innererror?: Record<string, unknown>
}
