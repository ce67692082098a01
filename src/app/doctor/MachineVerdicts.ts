import { Clock, DateTime, Effect, Option, Result } from "effect"
import type { Credential } from "../../domain/Credential.ts"
import type { CredentialKey } from "../../domain/CredentialKey.ts"
import { printable } from "../../domain/PrintableText.ts"
import * as Remedy from "../../domain/Remedy.ts"
import { hasOwnAuthorization, type RemoteServer } from "../../domain/Server.ts"
import { accountName } from "../../domain/SignInError.ts"
import { issuerProblem } from "../../domain/SignInRules.ts"
import { CredentialStore } from "../../ports/CredentialStore.ts"
import { Proxy } from "../../ports/Proxy.ts"
import { ChosenStorage } from "../storage/ChosenStorage.ts"
import { StorageCheck } from "../storage/StorageCheck.ts"
import { note, notNeeded, ok, type Verdict, wrong, wrongBy } from "./Finding.ts"
import { isResolved, isWithoutSignIn, type Resolution } from "./Resolution.ts"

/** The verdict on the proxy of the environment. */
export const proxyVerdict = Effect.fn("Doctor.proxy")(function* (
  server: RemoteServer
): Effect.fn.Return<Verdict, never, Proxy> {
  const route = yield* Proxy.use((proxy) => proxy.routeTo(server.url))
  if (route === undefined) return ok("none: the server is reached directly")
  const { obstacle, place, variable } = route
  if (obstacle === undefined) return ok(`${variable} names ${place}, and requests go through it`)
  switch (obstacle) {
    case "runtime":
      return wrong(
        `${variable} names ${place}, which this version of Node does not use by default`,
        Remedy.advice("Set NODE_USE_ENV_PROXY=1, or use Node 24.14 or later.")
      )
    case "loopback":
      return ok(`not used: the server is on this machine, and ${variable} (${place}) is for other machines`)
    case "variable":
      return note(
        `${variable} names ${place}, and is not read: the server is reached directly`,
        Remedy.advice("If the proxy is needed, set HTTPS_PROXY (and HTTP_PROXY) to the same address.")
      )
    case "address":
      return wrong(
        `${variable} is ${place}, and is ignored`,
        Remedy.advice(`Set ${variable} to an address such as http://proxy.example.com:3128, or remove it.`)
      )
  }
})

/** A point in time; in milliseconds since the epoch. */
const timeOf = (time: number): string =>
  Option.match(DateTime.make(time), {
    onNone: () => "a time that no clock shows",
    onSome: DateTime.formatIso
  })

const tokensVerdict = (
  server: RemoteServer,
  key: CredentialKey,
  credential: Credential,
  now: number
): Verdict => {
  const { grantedScopes, tokens } = credential
  const login = Remedy.command("auth login", { server: server.name, account: key.account })
  if (tokens === undefined) return note("not signed in", login)
  const isExpired = tokens.isExpired(now)
  const isRenewable =
    tokens.refreshToken !== undefined || credential.nonInteractiveGrantAt(server) !== undefined
  if (isExpired && tokens.refusal !== undefined) {
    return note(`it is over: the server no longer accepts it (${tokens.refusal})`, login)
  }
  if (isExpired && !isRenewable) return note("it has expired and cannot be refreshed", login)
  if (isExpired && tokens.unclearAnswer !== undefined) {
    return wrong(`the last token refresh failed (${tokens.unclearAnswer})`, login)
  }
  const expiresAt = tokens.expiryAt(now)
  const until =
    expiresAt === undefined
      ? "until the server rejects the token"
      : `${isExpired ? "with a token that expired at" : "until"} ${timeOf(expiresAt)}`
  const scopes = printable(grantedScopes.join(" "))
  const renewal = isRenewable ? "the next use after that renews it" : "there is no refresh token"
  const verdict = tokens.lacksType === true ? note : ok
  const type =
    tokens.lacksType === true
      ? "; its answer had no token_type (RFC 6749 §5.1), which is taken for Bearer"
      : ""
  return verdict(
    `signed in to ${accountName(server.name, key.account)} ${until}${scopes === "" ? "" : `, for ${scopes}`}; ${renewal}${type}`
  )
}

/** The verdict on the stored sign-in. Sends its token nowhere. */
export const signInVerdict = Effect.fn("Doctor.signIn")(function* (
  server: RemoteServer,
  key: CredentialKey,
  resolution: Resolution
): Effect.fn.Return<Verdict, never, CredentialStore> {
  const login = Remedy.command("auth login", { server: server.name, account: key.account })
  const stored = yield* Effect.result(CredentialStore.use((store) => store.get(key)))
  if (Result.isFailure(stored)) return wrongBy(stored.failure)
  const credential = Option.getOrUndefined(stored.success)
  if (hasOwnAuthorization(server)) {
    const stored = credential?.tokens === undefined ? "" : "; the stored sign-in is not used"
    return note(`not needed: the entry of ${server.name} has an Authorization header${stored}`)
  }
  if (credential === undefined && isWithoutSignIn(resolution)) {
    return note(`${notNeeded}: ${server.name} can be used as it is`)
  }
  if (credential === undefined) return note("not signed in", ...(isResolved(resolution) ? [login] : []))
  if (!credential.isFor(server)) {
    return note(
      "the stored one is for another address, issuer, client or grant than the configuration names now, and is not used",
      login
    )
  }
  const changed =
    resolution._tag === "Discovered"
      ? issuerProblem(server, key.account, credential, resolution.authorizationServer.issuer)
      : undefined
  if (changed !== undefined) return wrongBy(changed)
  return tokensVerdict(server, key, credential, yield* Clock.currentTimeMillis)
})

/** The verdict on the store: writes, reads and removes a test entry if it is set up. */
export const storageVerdict: Effect.Effect<Verdict, never, ChosenStorage | StorageCheck> = Effect.gen(
  function* () {
    const inUse = yield* ChosenStorage.use((chosen) => chosen.inUse)
    const health = yield* StorageCheck.use((storage) => storage.check)
    const result =
      health._tag === "New"
        ? "the first sign-in sets it up"
        : `wrote, read and removed a test entry in ${Math.round(health.took)} ms`
    return ok(`${inUse.backend}, because ${inUse.reason}; ${result}`)
  }
).pipe(
  Effect.catch((error) => Effect.succeed(wrongBy(error))),
  Effect.withSpan("Doctor.storage")
)
