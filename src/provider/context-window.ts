/** The context windows of OpenAI's models: how many tokens prompt and answer may have together. */

/** The first match counts. From platform.openai.com/docs/models. */
const WINDOWS: readonly (readonly [RegExp, number])[] = [
  [/^gpt-4\.1/, 1_047_576],
  [/^gpt-5/, 400_000],
  [/^o[134]/, 200_000],
  [/^(?:chatgpt-4o|gpt-4o|gpt-4-turbo|gpt-4-\d{4}-preview|gpt-4\.5)/, 128_000],
  [/^gpt-4-32k/, 32_768],
  [/^gpt-4/, 8_192],
  [/^gpt-3\.5-turbo/, 16_385],
]

/** @returns tokens; null for an unknown model, whose server rejects what is too long */
export const contextWindowOf = (model: string): number | null => WINDOWS.find(([name]) => name.test(model))?.[1] ?? null
