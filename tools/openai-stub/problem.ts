/** An error of the server, whatever form it is written in. */

/** Something to tell the client with an error status, in OpenAI's words; `render` puts it into the server's own form. */
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
