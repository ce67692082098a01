import type { Simulator } from "../engine/Simulator.ts"
import type { Scenario } from "../Scenario.ts"

/** The tokens of one sign-in. */
export interface Family {
  readonly name: string
  isRevoked: boolean
  /** The refresh token that may be used. */
  current: string
  /** The one before. */
  previous: string | undefined
  /** When the one before was used. */
  usedAt: number
  /** When the newest access token expires. */
  expiresAt: number
}

/** An answer with tokens. */
export interface Tokens {
  readonly _tag: "Tokens"
  readonly accessToken: string
  readonly refreshToken: string
  readonly lifetime: number
}

/** What the token endpoint answers. */
export type TokenAnswer =
  | Tokens
  | { readonly _tag: "InvalidGrant" }
  | { readonly _tag: "Unavailable"; readonly retryAfter: number | undefined }

/** An authorization server that rotates refresh tokens, and revokes a sign-in whose used token comes back. */
export class AuthorizationServer {
  readonly issuer = "https://as.test"
  readonly #families: Array<Family> = []
  readonly #simulator: Simulator
  readonly #scenario: Scenario
  readonly #refreshTokens = new Map<string, Family>()
  readonly #accessTokens = new Map<string, { readonly family: Family; readonly expiresAt: number }>()
  readonly #codes = new Set<string>()
  #serial = 0

  constructor(simulator: Simulator, scenario: Scenario) {
    this.#simulator = simulator
    this.#scenario = scenario
  }

  #issue(family: Family): Tokens {
    const serial = ++this.#serial
    const { lifetime } = this.#scenario
    const accessToken = `A${serial}`
    const refreshToken = `R${serial}`
    family.expiresAt = this.#simulator.now + lifetime
    this.#accessTokens.set(accessToken, { family, expiresAt: family.expiresAt })
    this.#refreshTokens.set(refreshToken, family)
    family.previous = family.current
    family.current = refreshToken
    return { _tag: "Tokens", accessToken, refreshToken, lifetime }
  }

  /** A complete sign-in. */
  signIn(): Tokens {
    const family: Family = {
      name: `F${this.#families.length + 1}`,
      isRevoked: false,
      current: "",
      previous: undefined,
      usedAt: 0,
      expiresAt: 0
    }
    this.#families.push(family)
    return this.#issue(family)
  }

  /** A user approves an authorization request. */
  authorize(): string {
    const code = `code-${++this.#serial}`
    this.#codes.add(code)
    return code
  }

  exchange(code: string): TokenAnswer {
    return this.#codes.delete(code) ? this.signIn() : { _tag: "InvalidGrant" }
  }

  refresh(refreshToken: string): TokenAnswer {
    const family = this.#refreshTokens.get(refreshToken)
    if (family === undefined || family.isRevoked) return { _tag: "InvalidGrant" }
    const { now } = this.#simulator
    if (family.current === refreshToken) {
      family.usedAt = now
      return this.#issue(family)
    }
    if (family.previous === refreshToken && now - family.usedAt <= this.#scenario.grace) {
      return this.#issue(family)
    }
    family.isRevoked = true
    this.#simulator.trace("as", `${refreshToken} was used before: ${family.name} is REVOKED`)
    return { _tag: "InvalidGrant" }
  }

  family(name: string): Family | undefined {
    return this.#families.find((family) => family.name === name)
  }

  /** The name of the sign-in that a refresh token belongs to. */
  familyOf(refreshToken: string): string | undefined {
    return this.#refreshTokens.get(refreshToken)?.name
  }

  /** True if an MCP server would accept an access token now. */
  accepts(accessToken: string): boolean {
    const found = this.#accessTokens.get(accessToken)
    return found !== undefined && !found.family.isRevoked && found.expiresAt > this.#simulator.now
  }

  /** Milliseconds that the newest access token has left, of the sign-in of a refresh token. Absent: it is revoked. */
  left(refreshToken: string): number | undefined {
    const family = this.#refreshTokens.get(refreshToken)
    return family === undefined || family.isRevoked ? undefined : family.expiresAt - this.#simulator.now
  }
}
