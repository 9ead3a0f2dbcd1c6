/** How this server counts tokens: a simple rule that comes close to what GPT's tokenizer bills. */

/** Characters that one token holds, by script; every other character (CJK, emoji halves) is a token of its own. */
const CYRILLIC_PER_TOKEN = 2.5
const ASCII_PER_TOKEN = 4

/** Tokens that the chat format adds: for each message, and for the beginning of the reply. */
const PER_MESSAGE = 4
const PER_REPLY = 3

/**
 * Counts a text: Cyrillic at 2.5 characters a token, ASCII (spaces too) at 4, all else at 1; rounded up once.
 * @returns whole tokens, 0 for an empty text
 */
export function countTokens(text: string): number {
  let ascii = 0
  let cyrillic = 0
  let other = 0
  for (let i = 0; i < text.length; i += 1) {
    const code = text.charCodeAt(i)
    if (code < 0x80) ascii += 1
    else if (code >= 0x400 && code <= 0x52f) cyrillic += 1
    else other += 1
  }
  return Math.ceil(ascii / ASCII_PER_TOKEN + cyrillic / CYRILLIC_PER_TOKEN + other)
}

/**
 * @param contents the texts of the messages
 * @param schema the answer's schema as JSON, which the model reads as well; empty when there is none
 * @returns tokens of the whole prompt
 */
export function countPromptTokens(contents: readonly string[], schema: string): number {
  return contents.reduce((sum, text) => sum + countTokens(text) + PER_MESSAGE, PER_REPLY + countTokens(schema))
}

/** @returns the longest beginning of `text` that counts at most `maximum` tokens */
export function cutToTokens(text: string, maximum: number): string {
  let low = 0
  let high = text.length
  while (low < high) {
    const middle = Math.ceil((low + high) / 2)
    if (countTokens(text.slice(0, middle)) <= maximum) low = middle
    else high = middle - 1
  }
  return text.slice(0, low)
}
