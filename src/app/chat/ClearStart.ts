import { maxSecret } from "../../domain/SecretShape.ts"
import type { WithoutSecrets } from "./WithoutSecrets.ts"

/**
 * The start of a text for a model, without secrets, and how many characters are left out.
 *
 * Secrets are looked for before the text is cut, and in no more of it than is needed. The last characters of what was searched
 * may be half of a secret, which is not found: they are left out as well, however much shorter the rest has become.
 */
export const clearStart = (
  text: string,
  maxCharacters: number,
  withoutSecrets: WithoutSecrets
): { readonly start: string; readonly cutCharacters: number } => {
  const searched = text.slice(0, 2 * maxCharacters + maxSecret)
  const clear = withoutSecrets(searched)
  const unsure = searched.length < text.length ? maxSecret : 0
  const start = clear.slice(0, Math.min(maxCharacters, Math.max(0, clear.length - unsure)))
  return {
    start: start.toWellFormed(),
    cutCharacters: clear.length - start.length + text.length - searched.length
  }
}
