import { Clock, Duration, Effect, Layer, Redacted } from "effect"
import { AuthorizationServerMetadata } from "../../../src/domain/AuthorizationServer.ts"
import { resourceOf } from "../../../src/domain/Server.ts"
import { TokenSet } from "../../../src/domain/TokenSet.ts"
import { Discovery } from "../../../src/ports/Discovery.ts"
import { NetworkError } from "../../../src/ports/HttpTransport.ts"
import {
  InvalidGrant,
  TokenEndpoint,
  type TokenFailure,
  TokenRequestError,
  Transient,
  Unanswered
} from "../../../src/ports/TokenEndpoint.ts"
import { defaultTokenPolicy } from "../../../src/ports/TokenPolicy.ts"
import type { Seed } from "../engine/Seed.ts"
import type { VirtualProcess } from "../engine/VirtualProcess.ts"
import type { TokenRequest } from "../judge/Facts.ts"
import type { AuthorizationServer, TokenAnswer } from "./AuthorizationServer.ts"
import type { Network } from "./Network.ts"
import type { World } from "./World.ts"

/** The ports of OAuth over the simulated network. */
export class OAuth {
  readonly #world: World
  readonly #network: Network
  readonly #authorizationServer: AuthorizationServer
  readonly #outages: ReadonlyArray<{ readonly from: number; readonly until: number }>

  constructor(world: World, network: Network, authorizationServer: AuthorizationServer) {
    this.#world = world
    this.#network = network
    this.#authorizationServer = authorizationServer
    const { healAt, scenario, simulator } = world
    const plan = simulator.seed.fork("outages")
    const count = plan.chance(scenario.faults.outage) ? plan.integer(1, 2) : 0
    this.#outages = Array.from({ length: count }, () => {
      const from = plan.integer(0, healAt)
      return { from, until: Math.min(healAt, from + plan.integer(10_000, 900_000)) }
    })
  }

  #unavailable(stream: Seed): TokenAnswer | undefined {
    const { count, fails, simulator } = this.#world
    const isOut = this.#outages.some(({ from, until }) => from <= simulator.now && simulator.now < until)
    if (isOut) count("outage")
    else if (!fails(stream, "unavailable")) return undefined
    return { _tag: "Unavailable", retryAfter: stream.chance(0.5) ? stream.integer(1, 30) * 1000 : undefined }
  }

  /** Sends a token request, and records what becomes of it. */
  readonly #request = Effect.fnUntraced(function* (
    this: OAuth,
    stream: Seed,
    request: TokenRequest,
    answerOf: () => TokenAnswer
  ) {
    const { simulator, tell } = this.#world
    const server = this.#authorizationServer
    const what =
      request.kind === "refresh"
        ? `request ${request.id} with ${request.token}`
        : `exchange ${request.id} of ${request.token}`
    simulator.trace(request.process.name, `sends ${what}`)
    tell({ _tag: "Sent", request })
    const handle = () => {
      const answer = this.#unavailable(stream) ?? answerOf()
      if (answer._tag === "Tokens") {
        request.processed = "rotated"
        request.issued = answer.refreshToken
        request.family = server.familyOf(answer.refreshToken)
        const { accessToken, refreshToken } = answer
        simulator.trace("as", `${what}: ${accessToken} ${refreshToken} (${request.family})`)
      } else {
        request.processed = answer._tag === "Unavailable" ? "unavailable" : "refused"
        simulator.trace("as", `${what}: ${answer._tag}`)
      }
      tell({ _tag: "Processed", request })
      return answer
    }
    const ended = (outcome: "answered" | "no answer", end?: "broke" | "timeout") => {
      request.outcome = outcome
      const { afterBreak, afterTimeout } = defaultTokenPolicy.resend
      if (end === "broke") request.resendAt = simulator.now + Duration.toMillis(afterBreak)
      if (end === "timeout") request.resendAt = request.at + Duration.toMillis(afterTimeout)
      tell({ _tag: "Ended", request })
    }
    return yield* this.#network.send(request.process, stream, { what, handle, ended })
  })

  tokenEndpoint(process: VirtualProcess): Layer.Layer<TokenEndpoint> {
    const { nextId, simulator } = this.#world
    const server = this.#authorizationServer
    const stream = simulator.seed.fork(`network of ${process.name}`)
    const send = Effect.fnUntraced(
      function* (this: OAuth, kind: TokenRequest["kind"], account: string, token: string) {
        const fail = (reason: TokenFailure) =>
          new TokenRequestError({ server: account, origin: server.issuer, reason })
        const request: TokenRequest = {
          id: nextId(),
          kind,
          process,
          account,
          token,
          at: simulator.now,
          pausedBefore: process.pausedFor,
          family: server.familyOf(token)
        }
        const answer = yield* this.#request(stream, request, () =>
          kind === "refresh" ? server.refresh(token) : server.exchange(token)
        ).pipe(Effect.mapError(({ detail, end }) => fail(new Unanswered({ detail, end }))))
        if (answer._tag === "InvalidGrant") return yield* fail(new InvalidGrant())
        if (answer._tag === "Unavailable") {
          const { retryAfter } = answer
          return yield* fail(
            new Transient({ detail: "HTTP 503", ...(retryAfter === undefined ? {} : { retryAfter }) })
          )
        }
        const now = yield* Clock.currentTimeMillis
        return new TokenSet({
          accessToken: Redacted.make(answer.accessToken),
          tokenType: "bearer",
          obtainedAt: now,
          expiresAt: now + answer.lifetime,
          refreshToken: Redacted.make(answer.refreshToken)
        })
      }.bind(this)
    )
    return Layer.mock(TokenEndpoint, {
      refresh: (request) => send("refresh", request.server, Redacted.value(request.refreshToken)),
      exchange: (request) => send("exchange", request.server, Redacted.value(request.code))
    })
  }

  discovery(process: VirtualProcess): Layer.Layer<Discovery> {
    const stream = this.#world.simulator.seed.fork(`discovery of ${process.name}`)
    const { issuer } = this.#authorizationServer
    const metadata = new AuthorizationServerMetadata({
      issuer,
      authorization_endpoint: `${issuer}/authorize`,
      token_endpoint: `${issuer}/token`,
      code_challenge_methods_supported: ["S256"],
      token_endpoint_auth_methods_supported: ["none"],
      authorization_response_iss_parameter_supported: true
    })
    return Layer.succeed(
      Discovery,
      Discovery.of({
        discover: (server) =>
          this.#network
            .send(process, stream, {
              what: "discovery",
              handle: () => ({ metadata, resource: resourceOf(server), scopes: [] })
            })
            .pipe(Effect.mapError(({ detail }) => new NetworkError({ origin: issuer, detail }))),
        tokenEndpointsFor: () => Effect.succeed([])
      })
    )
  }
}
