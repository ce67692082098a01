/** The tokens of one sign-in. */
export interface Family {
  readonly name: string
  readonly issuer: string
  readonly resource: string
  readonly clientId: string
  readonly scopes: ReadonlyArray<string>
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

/** All sign-ins of a run, and their tokens. */
export class Families {
  readonly #families: Array<Family> = []
  readonly #refreshTokens = new Map<string, Family>()
  readonly #accessTokens = new Map<string, { readonly family: Family; readonly expiresAt: number }>()
  #serial = 0

  /** A number that no other token or code of the run has. */
  next(): number {
    return ++this.#serial
  }

  begin(of: Pick<Family, "issuer" | "resource" | "clientId" | "scopes">): Family {
    const family: Family = {
      ...of,
      name: `F${this.#families.length + 1}`,
      isRevoked: false,
      current: "",
      previous: undefined,
      usedAt: 0,
      expiresAt: 0
    }
    this.#families.push(family)
    return family
  }

  /** Issues the next tokens of a sign-in. */
  issue(family: Family, expiresAt: number): { readonly accessToken: string; readonly refreshToken: string } {
    const serial = this.next()
    const accessToken = `A${serial}`
    const refreshToken = `R${serial}`
    family.previous = family.current
    family.current = refreshToken
    family.expiresAt = expiresAt
    this.#refreshTokens.set(refreshToken, family)
    this.#accessTokens.set(accessToken, { family, expiresAt })
    return { accessToken, refreshToken }
  }

  named(name: string): Family | undefined {
    return this.#families.find((family) => family.name === name)
  }

  ofClient(clientId: string): ReadonlyArray<Family> {
    return this.#families.filter((family) => family.clientId === clientId)
  }

  ofRefreshToken(refreshToken: string): Family | undefined {
    return this.#refreshTokens.get(refreshToken)
  }

  ofAccessToken(accessToken: string): Family | undefined {
    return this.#accessTokens.get(accessToken)?.family
  }

  /** When an access token expires. */
  expiryOf(accessToken: string): number {
    return this.#accessTokens.get(accessToken)?.expiresAt ?? -Infinity
  }

  /** True if an MCP server would accept an access token at a time. */
  accepts(accessToken: string, now: number): boolean {
    const found = this.#accessTokens.get(accessToken)
    return found !== undefined && !found.family.isRevoked && found.expiresAt > now
  }
}
