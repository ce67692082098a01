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

/**
 * Parses every challenge of a `WWW-Authenticate` header by the grammar of RFC 9110: several challenges in one header,
 * quoted strings with quoted pairs, token68. Stops at text that breaks the grammar, and keeps the challenges before it.
 * The first of a repeated parameter counts.
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
    const name = take(token)
    if (name !== null && take(equals) !== null) {
      const text = take(quoted)
      if (text !== null) return [name[0].toLowerCase(), (text[1] ?? "").replace(/\\([\s\S])/g, "$1")]
      const bare = take(token)
      if (bare !== null) return [name[0].toLowerCase(), bare[0]]
    }
    at = start
    return undefined
  }

  const challenges: Array<Challenge> = []
  for (take(separators); at < header.length; take(separators)) {
    const scheme = take(token)
    if (scheme === null) break
    const parameters = new Map<string, string>()
    if (take(space) !== null) {
      const first = parameter()
      if (first === undefined) take(token68)
      for (let next = first; next !== undefined;) {
        if (!parameters.has(next[0])) parameters.set(next[0], next[1])
        const end = at
        take(separators)
        // After a comma comes a parameter of this challenge, or the scheme of the next one.
        next = header.slice(end, at).includes(",") ? parameter() : undefined
        if (next === undefined) at = end
      }
    }
    challenges.push({ scheme: scheme[0].toLowerCase(), parameters: Object.fromEntries(parameters) })
    const end = at
    take(separators)
    if (at < header.length && !header.slice(end, at).includes(",")) break
  }
  return challenges
}

/** The challenge of a 401 without a Bearer or DPoP challenge. */
export const silentChallenge: BearerChallenge = {
  error: undefined,
  scope: undefined,
  resourceMetadata: undefined
}

/**
 * The Bearer challenge of a header, completed by its DPoP challenge. Servers that accept both kinds of token report the
 * problem of a bound token in the DPoP challenge (RFC 9449 §7.2).
 */
export const bearerChallenge = (header: string | null | undefined): BearerChallenge | undefined => {
  const challenges = parseChallenges(header ?? "")
  const of = (name: string) => challenges.find(({ scheme }) => scheme === name)
  const [bearer, dpop] = [of("bearer"), of("dpop")]
  if (bearer === undefined && dpop === undefined) return undefined
  const said = (name: string) => bearer?.parameters[name] ?? dpop?.parameters[name]
  const description = said("error_description")
  return {
    error: said("error"),
    ...(description === undefined ? {} : { description }),
    scope: said("scope"),
    resourceMetadata: said("resource_metadata"),
    ...(bearer === undefined ? { dpop: true as const } : {})
  }
}

/** True if a 401 only requires a nonce in the proof of the same request (RFC 9449 §9). */
export const wantsNonce = (header: string | null): boolean =>
  parseChallenges(header ?? "").some(
    ({ parameters, scheme }) => scheme === "dpop" && parameters["error"] === "use_dpop_nonce"
  )

/**
 * True if a 403 requires more scopes (RFC 6750 §3.1 `insufficient_scope`, MCP "Scope Challenge Handling"). Some servers leave
 * out the error and name only the scopes, others name no scope.
 */
export const requiresScopes = (challenge: BearerChallenge | undefined): challenge is BearerChallenge =>
  challenge?.error === "insufficient_scope" ||
  (challenge !== undefined && challenge.error === undefined && scopesOf(challenge.scope).length > 0)

/** The scopes that a 403 names as missing. Empty for other challenges, and for those that name no scope. */
export const missingScopes = (challenge: BearerChallenge | undefined): ReadonlyArray<string> =>
  requiresScopes(challenge) ? scopesOf(challenge.scope) : []
