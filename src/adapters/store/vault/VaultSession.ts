import { Duration, Effect, Option, Redacted, type Scope, Semaphore } from "effect"
import type { VaultAuth } from "../../../ports/Configuration.ts"
import type { StorageError } from "../../../ports/CredentialStore.ts"
import { fieldOf } from "./JsonFields.ts"
import { isRefusal, type VaultAnswer, type VaultHttp, type VaultRequest } from "./VaultHttp.ts"
import { obtainToken, type VaultToken } from "./VaultLogin.ts"
import {
  minRenewableLifetime,
  minRenewalInterval,
  neededByRefresh,
  neededBySignIn,
  renewalDelay,
  renewalRetry,
  renewAt
} from "./VaultLimits.ts"

/** Requests that carry a token. */
export interface VaultSession {
  /** Sends a request. A missing permission is an error; the caller interprets 400 and 404. */
  readonly send: (request: Omit<VaultRequest, "token">) => Effect.Effect<VaultReply, StorageError>
  /**
   * Fails if the token may end before a sign-in or a refresh has, and there is no other, so that neither is wasted. False if
   * Vault does not tell: the policy does not allow it, or the token has ended, which the next request reports.
   */
  readonly check: (purpose: "sign-in" | "refresh") => Effect.Effect<boolean, StorageError>
}

/** A response below 400, a 404, or the messages of a 400. */
export type VaultReply = VaultAnswer | { readonly status: 400; readonly errors: ReadonlyArray<string> }

const verbs: Readonly<Record<VaultRequest["method"], string>> = {
  GET: "read",
  POST: "write",
  DELETE: "delete"
}

const needed = { "sign-in": neededBySignIn, refresh: neededByRefresh }

/** How a token ends too early, by its own data. Absent: it lasts. The root token has a `ttl` of 0. */
const endOf = ({ body, time }: VaultAnswer, purpose: keyof typeof needed): string | undefined => {
  const { lifetime, uses: minUses } = needed[purpose]
  const numberAt = (name: string) => {
    const value = fieldOf(body, "data", name)
    return typeof value === "number" ? value : 0
  }
  const uses = numberAt("num_uses")
  if (uses !== 0 && uses < minUses) {
    const left = uses === 1 ? "1 more use" : `${Math.max(uses, 0)} more uses`
    return `the token ends after ${left}, and a ${purpose} needs up to ${minUses}`
  }
  const [left, max] = [numberAt("ttl"), numberAt("explicit_max_ttl")]
  const isRenewed = fieldOf(body, "data", "renewable") === true && left >= minRenewableLifetime
  // No renewal goes beyond the second.
  const longest =
    max > 0 ? Math.floor(numberAt("creation_time") + max - time / 1000) : Number.POSITIVE_INFINITY
  const until = isRenewed ? longest : left
  return left > 0 && until < lifetime
    ? `the token ends in ${until} seconds, and a ${purpose} may take longer`
    : undefined
}

/** Renews a token until it cannot be renewed any more. */
const keepAlive = Effect.fnUntraced(function* (http: VaultHttp, current: () => VaultToken | undefined) {
  yield* Effect.sleep(renewalDelay)
  for (;;) {
    const token = current()?.token
    if (token === undefined) return
    const found = yield* http
      .send({ method: "GET", path: ["auth", "token", "lookup-self"], token, isInBackground: true })
      .pipe(Effect.retry(renewalRetry))
    if (isRefusal(found)) return
    const left = fieldOf(found.body, "data", "ttl")
    // The root token has a ttl of 0: it never expires.
    if (fieldOf(found.body, "data", "renewable") !== true || typeof left !== "number" || left <= 0) return
    yield* Effect.sleep(Duration.max(Duration.seconds(left * renewAt), minRenewalInterval))
    // Retried until the token expires: during an outage of Vault nothing else keeps the token alive.
    const renewed = yield* http
      .send({
        method: "POST",
        path: ["auth", "token", "renew-self"],
        body: {},
        token,
        isInBackground: true
      })
      .pipe(Effect.retry({ schedule: renewalRetry, times: Math.ceil(left / 2) }))
    if (isRefusal(renewed)) return
  }
})

/**
 * Authenticates to Vault by the method of the settings. While the scope is open, a renewable token is renewed, and an
 * expired one is replaced if the method can get another.
 */
export const vaultSession = (
  http: VaultHttp,
  auth: VaultAuth
): Effect.Effect<VaultSession, never, Scope.Scope> =>
  Effect.gen(function* () {
    const scope = yield* Effect.scope
    const turn = Semaphore.makeUnsafe(1)
    let held: VaultToken | undefined
    let isRenewing = false

    // A failed renewal is logged only: if the token expires, the next request reports it.
    const renew = keepAlive(http, () => held).pipe(
      Effect.ignore({ log: "Debug" }),
      Effect.ensuring(
        Effect.sync(() => {
          isRenewing = false
        })
      )
    )

    const current = Effect.gen(function* () {
      held ??= yield* obtainToken(http, auth)
      if (!isRenewing) {
        isRenewing = true
        yield* Effect.forkIn(Effect.interruptible(renew), scope)
      }
      return held
    }).pipe(turn.withPermit)

    /** True if Vault knows a token: a 403 may be about the token or about the path. */
    const isKnown = (token: Redacted.Redacted) =>
      Effect.map(
        http.send({ method: "GET", path: ["auth", "token", "lookup-self"], token }),
        (answer) => !isRefusal(answer)
      )

    /** Another token than the refused one, if there is one. */
    const replace = (refused: VaultToken) =>
      Effect.gen(function* () {
        if (held !== refused) return Option.fromNullishOr(held)
        const next = yield* obtainToken(http, auth)
        if (Redacted.value(next.token) === Redacted.value(refused.token)) return Option.none<VaultToken>()
        held = next
        return Option.some(next)
      }).pipe(turn.withPermit)

    yield* Effect.addFinalizer(() =>
      held?.isOurs === true
        ? http.sendOnce({ method: "POST", path: ["auth", "token", "revoke-self"], token: held.token })
        : Effect.void
    )

    const send = Effect.fn("VaultSession.send")(function* (request: Omit<VaultRequest, "token">) {
      const first = yield* current
      let answer = yield* http.send({ ...request, token: first.token })
      if (isRefusal(answer) && answer.status === 403 && !(yield* isKnown(first.token))) {
        const next = yield* replace(first)
        if (Option.isNone(next)) {
          return yield* http.fail(
            "token expired",
            "it does not know this token, or no longer, or the token may neither do this nor look itself up"
          )
        }
        answer = yield* http.send({ ...request, token: next.value.token })
      }
      if (isRefusal(answer)) {
        if (answer.status === 400) return { status: 400, errors: answer.errors } as const
        const path = request.path.join("/")
        const verb = request.query?.["list"] === "true" ? "list" : verbs[request.method]
        return yield* http.fail("forbidden", `the token may not ${verb} ${path}`)
      }
      return answer
    })

    const check = Effect.fn("VaultSession.check")(function* (purpose: keyof typeof needed) {
      const { isOurs, token } = yield* current
      // The method gets another one.
      if (isOurs) return true
      const found = yield* http.send({ method: "GET", path: ["auth", "token", "lookup-self"], token })
      if (isRefusal(found)) return false
      const end = endOf(found, purpose)
      if (end !== undefined) return yield* http.fail("token ends", end)
      return true
    })

    return { send, check }
  })
