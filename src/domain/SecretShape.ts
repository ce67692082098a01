/**
 * The shapes of tokens and keys that say what they are: JWTs, and the prefixes of GitHub, GitLab, Slack, OpenAI, Anthropic, Stripe,
 * Notion, npm, AWS and Google.
 */
const shape =
  /\beyJ[\w-]{10,}|\bgithub_pat_\w{8,}|\b(?:sk|pk|rk|gh[opsur]|xox[abeprs]|glpat|ntn|npm)[-_][\w-]{8,}|\b(?:AKIA|ASIA)[A-Z0-9]{12,}|\bAIza[\w-]{20,}/

/** True if a text holds a word that has the shape of a secret. */
export const hasSecretShape = (text: string): boolean => shape.test(text)

const randomShape = [
  /^[0-9a-f]{8}(-[0-9a-f]{4}){3}-[0-9a-f]{12}$/i,
  /^(?=.*\d)(?=.*[a-f])[0-9a-f]{20,}$/i,
  // Words have no digits between capitals and small letters.
  /^(?=(.*\d){2})(?=.*[A-Z])(?=.*[a-z])[\w~.+=-]{20,}$/
]

/**
 * True if a part of a URL may be a secret: it has the shape of one, or is random. Servers such as Zapier put the user's key into the
 * path. Names and numbers are none.
 */
export const mayBeSecret = (part: string): boolean =>
  hasSecretShape(part) || randomShape.some((random) => random.test(part))

const secretName =
  /authorization|cookie|token|secret|passw|passphrase|credential|api[-_]?key|(access|account|private|shared|signing)[-_]?key|(^|[-_])(key|bearer|jwt)($|[-_])|(^|[-_])pass$|[-_](pat|pwd|auth)$/i

/** True if a variable, header or parameter of this name holds a secret. */
export const isSecretName = (name: string): boolean => secretName.test(name)

/** The parameter of a URL that is probably a secret, and not filled in from a variable. */
export const secretParameter = (url: string): string | undefined =>
  Array.from(URL.parse(url)?.searchParams ?? []).find(
    ([name, value]) => isSecretName(name) && value !== "" && !value.includes("${")
  )?.[0]

/** Flags of programs whose value is a header or a variable, of any name. */
const carrier = /^(H|headers?|e|env)$/
const assignment = /([\w-]+)["']?\s*[:=]\s*(?=[^\s{])(?!["']?\$\{)/g
const flag = /(?<![\w-])--?([A-Za-z][\w-]*)["']?(?:\s*,\s*|\s+)["']?(?=[^\s"',\]-])(?!\$\{)/g
const userInformation = /(?<=:\/\/)(?=[^\s/?#"'\\]*@)/g

/**
 * Where the first value starts that is a secret by the name before it: `token = x`, `"--api-key", "x"`, `-H "x"`; or the
 * user information of a URL. Values of variables are none. Undefined: the text has no such value.
 */
export const namedSecretAt = (text: string): number | undefined => {
  const assigned = Array.from(text.matchAll(assignment)).filter(([, name = ""]) => isSecretName(name))
  const flagged = Array.from(text.matchAll(flag)).filter(
    ([, name = ""]) => isSecretName(name) || carrier.test(name)
  )
  const starts = [...assigned, ...flagged, ...text.matchAll(userInformation)].map(
    ({ 0: match, index }) => index + match.length
  )
  return starts.length === 0 ? undefined : Math.min(...starts)
}

/** True if an argument of a program says that the next one is a secret. */
export const announcesSecret = (argument: string): boolean => {
  const name = /^--?([A-Za-z][\w-]*)$/.exec(argument)?.[1]
  return name !== undefined && (isSecretName(name) || carrier.test(name))
}
