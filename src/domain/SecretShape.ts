/**
 * The shapes of tokens and keys that say what they are: JWTs, and the prefixes of GitHub, GitLab, Slack, OpenAI, Anthropic, Stripe,
 * Notion, npm, AWS and Google.
 */
const shape =
  /\beyJ[\w-]{10,}|\bgithub_pat_\w{8,}|\b(?:sk|pk|rk|gh[opsur]|xox[abeprs]|glpat|ntn|npm)[-_][\w-]{8,}|\b(?:AKIA|ASIA)[A-Z0-9]{12,}|\bAIza[\w-]{20,}/

/** True if a text holds a word that has the shape of a secret. */
export const hasSecretShape = (text: string): boolean => shape.test(text)

const secretName =
  /authorization|cookie|token|secret|passw|credential|(^|[-_])(api-?)?key($|[-_])|_(pat|pwd|auth)$/i

/** True if a variable, header or parameter of this name holds a secret. */
export const isSecretName = (name: string): boolean => secretName.test(name)

/** The parameter of a URL that is probably a secret, and not filled in from a variable. */
export const secretParameter = (url: string): string | undefined =>
  Array.from(URL.parse(url)?.searchParams ?? []).find(
    ([name, value]) => isSecretName(name) && value !== "" && !value.includes("${")
  )?.[0]
