/** Characters of the longest secret that is found by its shape: a private key. */
export const maxSecret = 20_000

/**
 * The shapes of tokens and keys that say what they are. Each has a prefix that nothing else has, or digits where words have none:
 * names such as `pk_users_email`, hashes, UUIDs, and cursors (the Base64 of an object also begins with `eyJ`) do not fit.
 */
const shapes = [
  // JWTs, and the sessions of web frameworks that are made like them. A cursor has no dots.
  String.raw`(?<![\w-])eyJ[\w-]{8,}(?:\.[\w-]*){2,4}(?<=[\w-])`,
  // GitHub, GitLab.
  String.raw`\bgh[opsur]_[A-Za-z0-9]{10,}|\bgithub_pat_\w{8,}`,
  String.raw`\bgl(?:pat|oas|dt|rt|ptt|cbt|ft|soat|agent|imt)-[\w.-]{16,}`,
  // Slack, with the addresses of its webhooks.
  String.raw`\bx(?:ox[abeoprs][-.]|app-\d-)[\w-]{8,}(?:\.xox[bp]-[\w-]{8,})?|(?<=hooks\.slack\.com\/services\/)[\w/]{20,}`,
  // OpenAI, Anthropic, OpenRouter, DeepSeek; xAI, Groq, NVIDIA, Hugging Face.
  String.raw`\bsk-(?=(?:[\w-]{0,100}\d){2})[\w-]{12,}|\b(?:xai|nvapi)-[\w-]{20,}|\b(?:gsk|hf)_[A-Za-z0-9]{20,}`,
  // Stripe.
  String.raw`\b(?:sk|rk|pk)_(?:live|test)_\w{8,}|\bwhsec_[\w+/=]{16,}`,
  // Notion, npm, Linear, Shopify, Figma, Atlassian, DigitalOcean, Vault, SendGrid, PyPI, Databricks, Grafana.
  String.raw`\bntn_[\w-]{8,}|\bsecret_[A-Za-z0-9]{40,}|\bnpm_[A-Za-z0-9]{30,}|\blin_(?:api|oauth)_\w{16,}`,
  String.raw`\bshp(?:at|ca|pa|ss)_[a-fA-F0-9]{32}|\bfigd_[\w-]{20,}|\bATATT3[\w=-]{20,}|\bdo[opr]_v1_[a-f0-9]{32,}`,
  String.raw`\bhv[bsr]\.[\w-]{20,}|\bSG\.[\w-]{16,}\.[\w-]{16,}|\bpypi-AgE[\w-]{20,}|\bdapi[a-f0-9]{32}\b|\bglsa_\w{30,}`,
  // AWS. Its secret keys have no prefix: see `named`.
  String.raw`\bA(?:KIA|SIA|BIA|CCA)[A-Z0-9]{12,}`,
  // Google: keys, access tokens, refresh tokens, client secrets.
  String.raw`\bAIza[\w-]{20,}|\bya29\.[\w-]{20,}|\b1\/\/0[\w-]{20,}|\bGOCSPX-[\w-]{20,}`,
  // Private keys: up to their end, or as far as there are lines of Base64. In JSON a line ends with `\n`.
  String.raw`-----BEGIN (?:[A-Z0-9]+ )*PRIVATE KEY(?: BLOCK)?-----(?:(?:(?!-----BEGIN )[^]){0,${maxSecret}}?-----END (?:[A-Z0-9]+ )*PRIVATE KEY(?: BLOCK)?-----|(?:(?:\\[nr]|\s)+[A-Za-z0-9+/=]{16,})*)`,
  String.raw`\bAGE-SECRET-KEY-1[A-Z0-9]{40,}`
].join("|")

const shape = new RegExp(shapes)
const allShapes = new RegExp(shapes, "g")

/** The prefixes alone. In a value of a configuration they are enough; in a text they also begin other words. */
const prefix =
  /\beyJ[\w-]{10,}|\b(?:sk|pk|rk|gh[opsur]|xox[abeprs]|glpat|ntn|npm)[-_][\w-]{8,}|\b(?:AKIA|ASIA)[A-Z0-9]{12,}/

/** True if a value holds a word that may have the shape of a secret: better one too many is kept out of what is shared. */
export const hasSecretShape = (value: string): boolean => prefix.test(value) || shape.test(value)

/** What has no shape of its own, and a name before it: the secrets of AWS. */
const named =
  /((?:secret_?access_?key|(?:session|security)_?token)["']?\s{0,4}[:=]\s{0,4}["']?)(?:[a-z0-9/+]{40}(?![a-z0-9/+])|[a-z0-9/+=]{80,})/gi

/** What follows an authentication scheme, and is no word of a language. */
const afterScheme = /\b(Bearer|Basic|DPoP)\s+(?=[\w.~+/=-]*\d)[\w.~+/=-]{16,}/gi

/** Replaces each word that has the shape of a secret, and what follows an authentication scheme, with `…`. */
export const withoutSecretShapes = (text: string): string =>
  text.replace(allShapes, "…").replace(named, "$1…").replace(afterScheme, "$1 …")

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

/** A part of a URL without its escapes. */
export const decodedPart = (part: string): string => {
  try {
    return decodeURIComponent(part)
  } catch {
    return part
  }
}

/** True if a part of a path may be a secret: it looks like one, or is behind the name of one, as in `/token/x1`. */
export const mayBeSecretPart = (part: string, before = ""): boolean =>
  part !== "" && (mayBeSecret(decodedPart(part)) || (isSecretName(before) && /\d/.test(part)))

/** The parameter of a URL that is probably a secret, and not filled in from a variable. */
export const secretParameter = (url: string): string | undefined =>
  Array.from(URL.parse(url)?.searchParams ?? []).find(
    ([name, value]) => isSecretName(name) && value !== "" && !value.includes("${")
  )?.[0]

/** Flags of programs whose value is a header or a variable, of any name. */
const carrier = /^(H|headers?|e|env)$/
const assignment = /(?<![\w-])([\w-]+)["']?\s*[:=]\s*(?=[^\s{])(?!["']?\$\{)/g
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
