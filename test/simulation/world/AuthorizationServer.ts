import type { Families, Family } from "./Families.ts"
import type { World } from "./World.ts"

/** An answer with tokens. */
export interface Tokens {
  readonly _tag: "Tokens"
  readonly accessToken: string
  readonly refreshToken: string
  readonly lifetime: number
  readonly scope: string
}

/** What the token endpoint answers. */
export type TokenAnswer =
  | Tokens
  | { readonly _tag: "InvalidGrant" }
  | { readonly _tag: "InvalidClient" }
  | { readonly _tag: "Unavailable"; readonly retryAfter: number | undefined }

/** What a user approves. */
export type Approval = Pick<Family, "resource" | "clientId" | "scopes">

/** An authorization server that rotates refresh tokens, and notices a used one that comes back. */
export class AuthorizationServer {
  readonly issuer: string
  readonly #world: World
  readonly #families: Families
  readonly #codes = new Map<string, Approval>()
  readonly #clients = new Set<string>()

  constructor(world: World, issuer: string) {
    this.#world = world
    this.#families = world.families
    this.issuer = issuer
  }

  /** Registers a client (RFC 7591). */
  register(): string {
    const clientId = `client-${this.#families.next()}`
    this.#clients.add(clientId)
    return clientId
  }

  /** False for a registered client that was forgotten, or that another server registered. */
  knows(clientId: string): boolean {
    return !clientId.startsWith("client-") || this.#clients.has(clientId)
  }

  /** Forgets every registered client, and with each its sign-ins. Returns these. */
  forgetClients(): ReadonlyArray<Family> {
    const ended = [...this.#clients].flatMap((clientId) => this.#families.ofClient(clientId))
    for (const family of ended) family.isRevoked = true
    this.#clients.clear()
    return ended
  }

  #issue(family: Family): Tokens {
    const { scenario, simulator } = this.#world
    const { lifetime } = scenario
    const tokens = this.#families.issue(family, simulator.now + lifetime)
    return { _tag: "Tokens", ...tokens, lifetime, scope: family.scopes.join(" ") }
  }

  /** A complete sign-in. */
  signIn(approval: Approval): Tokens {
    return this.#issue(this.#families.begin({ ...approval, issuer: this.issuer }))
  }

  /** A user approves an authorization request. */
  authorize(approval: Approval): string {
    const code = `code-${this.#families.next()}`
    this.#codes.set(code, approval)
    return code
  }

  exchange(code: string, clientId: string): TokenAnswer {
    if (!this.knows(clientId)) return { _tag: "InvalidClient" }
    const approval = this.#codes.get(code)
    this.#codes.delete(code)
    return approval === undefined || approval.clientId !== clientId
      ? { _tag: "InvalidGrant" }
      : this.signIn(approval)
  }

  refresh(refreshToken: string, clientId: string): TokenAnswer {
    if (!this.knows(clientId)) return { _tag: "InvalidClient" }
    const family = this.#families.ofRefreshToken(refreshToken)
    if (family === undefined || family.isRevoked || family.clientId !== clientId)
      return { _tag: "InvalidGrant" }
    const { scenario, simulator } = this.#world
    if (family.current === refreshToken) {
      family.usedAt = simulator.now
      return this.#issue(family)
    }
    const isInGrace = simulator.now - family.usedAt <= scenario.grace
    if (family.previous === refreshToken && isInGrace) return this.#issue(family)
    if (scenario.reuse === "revoke") {
      family.isRevoked = true
      simulator.trace("as", `${refreshToken} was used before: ${family.name} is REVOKED`)
    }
    return { _tag: "InvalidGrant" }
  }

  /** Revokes the sign-in of a token (RFC 7009). */
  revoke(token: string): Family | undefined {
    const family = this.#families.ofRefreshToken(token) ?? this.#families.ofAccessToken(token)
    if (family !== undefined) family.isRevoked = true
    return family
  }
}
