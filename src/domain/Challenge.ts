import { scopesOf } from "./TokenSet.ts"

/** One challenge of a `WWW-Authenticate` header (RFC 9110 §11.6.1). */
export interface Challenge {
  /** Lower case. */
  readonly scheme: string
  /** Names in lower case; values as written, unquoted. Empty for a challenge with a token68. */
  readonly parameters: Readonly<Record<string, string>>
}

/** What a Bearer challenge (RFC 6750 §3, RFC 9728 §5.1) or a DPoP challenge (RFC 9449 §7.1) requires. */
export interface BearerChallenge {
  /** The server accepts only tokens that are bound to a key: it sends a DPoP challenge and no Bearer challenge. */
  readonly dpop?: true
  readonly error: string | undefined
  /** The server's own words about the error. Absent: none. */
  readonly description?: string
  readonly scope: string | undefined
  readonly resourceMetadata: string | undefined
}

const token = /[!#$%&'*+\-.^_`|~0-9A-Za-z]+/y
const token68 = /[A-Za-z0-9\-._~+/]+=*(?=[ \t]*(?:,|$))/y
const space = /[ \t]+/y
const separators = /[ \t,]*/y
const equals = /[ \t]*=[ \t]*/y
const quoted = /"((?:[^"\\]|\\[\s\S])*)"/y
const singleQuoted = /'([^']*)'(?=[ \t,]|$)/y
/** A value without quotes. Servers write addresses like this, although only a token may be (RFC 9110 §11.2). */
const bare = /[^ \t,"=][^ \t,"]*/y
/** What no rule covers, up to a place where a parameter or a challenge may begin. */
const stray = /[^ \t,]+/y

/**
 * Parses every challenge of a `WWW-Authenticate` header by the grammar of RFC 9110: several challenges in one header,
 * quoted strings with quoted pairs, token68. The first value of a repeated parameter counts that is not empty.
 *
 * What servers write beside the grammar is read as it is meant: parameters without commas between them, values in single
 * quotes or in none. Other text is skipped up to the next space or comma.
 */
export const parseChallenges = (header: string): ReadonlyArray<Challenge> => {
  let at = 0
  const take = (pattern: RegExp): RegExpExecArray | null => {
    pattern.lastIndex = at
    const match = pattern.exec(header)
    if (match !== null) at = pattern.lastIndex
    return match
  }
  const parameter = (): readonly [name: string, value: string] | undefined => {
    const start = at
    const name = take(token)?.[0].toLowerCase()
    if (name !== undefined && take(equals) !== null) {
      const text = take(quoted)
      if (text !== null) return [name, (text[1] ?? "").replace(/\\([\s\S])/g, "$1")]
      const plain = take(singleQuoted)?.[1] ?? take(bare)?.[0]
      if (plain !== undefined) return [name, plain]
    }
    at = start
    return undefined
  }

  const challenges: Array<{ readonly scheme: string; readonly parameters: Map<string, string> }> = []
  let isAfterComma = true
  while (at < header.length) {
    const start = at
    take(separators)
    isAfterComma ||= header.slice(start, at).includes(",")
    const current = challenges.at(-1)?.parameters
    const [name, value] = (current && parameter()) ?? []
    if (name !== undefined && value !== undefined) {
      if ((current?.get(name) ?? "") === "") current?.set(name, value)
    } else {
      const scheme = take(token)?.[0].toLowerCase()
      if (scheme === undefined) take(stray)
      // Without a comma it is a word of a value without quotes, or a scheme that this client looks for.
      else if (isAfterComma || scheme === "bearer" || scheme === "dpop") {
        challenges.push({ scheme, parameters: new Map() })
        if (take(space) !== null) take(token68)
      }
    }
    isAfterComma = false
  }
  return challenges.map(({ parameters, scheme }) => ({ scheme, parameters: Object.fromEntries(parameters) }))
}

/** The challenge of a 401 without a Bearer or DPoP challenge. */
export const silentChallenge: BearerChallenge = {
  error: undefined,
  scope: undefined,
  resourceMetadata: undefined
}

/**
 * What the Bearer challenges of a header say, completed by its DPoP challenge. Empty values count as absent. Servers that accept
 * both kinds of token report the problem of a bound token in the DPoP challenge (RFC 9449 §7.2).
 */
export const bearerChallenge = (header: string | null | undefined): BearerChallenge | undefined => {
  const challenges = parseChallenges(header ?? "")
  const of = (name: string) => challenges.filter(({ scheme }) => scheme === name)
  const [bearer, all] = [of("bearer"), [...of("bearer"), ...of("dpop")]]
  if (all.length === 0) return undefined
  const said = (name: string) => all.map(({ parameters }) => parameters[name]).find(Boolean)
  const description = said("error_description")
  return {
    // Codes are in lower case (RFC 6750 §3.1).
    error: said("error")?.toLowerCase(),
    ...(description === undefined ? {} : { description }),
    scope: said("scope"),
    resourceMetadata: said("resource_metadata"),
    ...(bearer.length === 0 ? { dpop: true as const } : {})
  }
}

/** True if a 401 only requires a nonce in the proof of the same request (RFC 9449 §9). */
export const wantsNonce = (header: string | null): boolean =>
  parseChallenges(header ?? "").some(
    ({ parameters, scheme }) => scheme === "dpop" && parameters["error"] === "use_dpop_nonce"
  )

/**
 * True if an answer refuses the token of its request, or requires one: 401, or the challenge that belongs to it (RFC 6750
 * §3.1 `invalid_token`) with the status of a gateway or of a client error.
 */
export const requiresToken = (status: number, challenge: BearerChallenge | undefined): boolean =>
  status === 401 || ((status === 400 || status === 403) && challenge?.error === "invalid_token")

/**
 * True if a 403 requires more scopes (RFC 6750 §3.1 `insufficient_scope`, MCP "Scope Challenge Handling"). Some servers leave
 * out the error and name only the scopes, others name no scope.
 */
export const requiresScopes = (challenge: BearerChallenge | undefined): challenge is BearerChallenge =>
  challenge?.error === "insufficient_scope" ||
  (challenge !== undefined && challenge.error === undefined && scopesOf(challenge.scope).length > 0)

/**
 * True if an answer says that its token lacks scopes: 403, or the error that belongs to it with 401. Without the error, the scopes
 * of a 401 are those of a first sign-in.
 */
export const lacksScopes = (
  status: number,
  challenge: BearerChallenge | undefined
): challenge is BearerChallenge =>
  (status === 403 && requiresScopes(challenge)) ||
  (status === 401 && challenge?.error === "insufficient_scope")

/** The scopes that a 403 names as missing. Empty for other challenges, and for those that name no scope. */
export const missingScopes = (challenge: BearerChallenge | undefined): ReadonlyArray<string> =>
  requiresScopes(challenge) ? scopesOf(challenge.scope) : []
