import { readFile } from "node:fs/promises"
import { join } from "node:path"
import { Duration, Effect, Option, Redacted, Schedule, type Scope, Semaphore } from "effect"
import type { VaultAuth } from "../../../ports/Configuration.ts"
import type { StorageError } from "../../../ports/CredentialStore.ts"
import { configuredHome } from "../../platform/ConfiguredHome.ts"
import {
  fieldOf,
  isRefusal,
  textOf,
  type VaultAnswer,
  type VaultHttp,
  type VaultRequest
} from "./VaultHttp.ts"

/** A token, and how long it lives. */
interface Held {
  readonly token: Redacted.Redacted
  /** We logged in for it, so that it is ours to revoke. */
  readonly isOurs: boolean
}

/** Requests with a token in them. A refusal for want of a permission is an error here. */
export interface VaultSession {
  /** A 400, and a 404, are given back: a key-value engine has its own meanings for them. */
  readonly send: (request: Omit<VaultRequest, "token">) => Effect.Effect<VaultReply, StorageError>
}

/** An answer below 400, a 404, or what a 400 said. */
export type VaultReply = VaultAnswer | { readonly status: 400; readonly errors: ReadonlyArray<string> }

/** How long a program runs before it is worth asking how long its token lives. */
const settled = Duration.seconds(5)
/** The rest of a token's life, as a part of the whole, with which it is renewed. */
const renewAt = 2 / 3
/** How a renewal that Vault did not answer is tried again. */
const insisting = Schedule.spaced("2 seconds")
/** Never more often than this. */
const shortest = Duration.seconds(1)

const readToken = (path: string) =>
  Effect.tryPromise({ try: () => readFile(path, "utf8"), catch: () => undefined }).pipe(
    Effect.map((text) => text.trim()),
    Effect.option,
    Effect.map(Option.filter((text) => text !== ""))
  )

/**
 * Proves to Vault who we are, by the method of the settings, and stays so: a renewable token is renewed while the
 * scope is open; one that has ended is got anew where there is a way to.
 */
export const vaultSession = (
  http: VaultHttp,
  auth: VaultAuth
): Effect.Effect<VaultSession, never, Scope.Scope> =>
  Effect.gen(function* () {
    const scope = yield* Effect.scope
    const turn = Semaphore.makeUnsafe(1)
    let held: Held | undefined
    let isRenewing = false

    const login = Effect.fnUntraced(function* (mount: string, body: object) {
      const answer = yield* http.send({ method: "POST", path: ["auth", ...mount.split("/"), "login"], body })
      const token = isRefusal(answer) ? Option.none() : textOf(answer.body, "auth", "client_token")
      if (Option.isNone(token)) {
        return yield* http.fail("login refused", `it refused the login at auth/${mount}`)
      }
      return { token: Redacted.make(token.value), isOurs: true }
    })

    /** What is known without Vault, or by a login. */
    const obtain: Effect.Effect<Held, StorageError> = Effect.gen(function* () {
      switch (auth.method) {
        case "token": {
          if (auth.token !== undefined) return { token: auth.token, isOurs: false }
          const path = auth.tokenFile ?? join(yield* configuredHome, ".vault-token")
          const token = yield* readToken(path)
          if (Option.isNone(token)) {
            return yield* http.fail("no token", `there is no token, and none in ${path}`)
          }
          return { token: Redacted.make(token.value), isOurs: false }
        }
        case "approle":
          return yield* login(auth.mount, {
            role_id: auth.roleId,
            ...(auth.secretId === undefined ? {} : { secret_id: Redacted.value(auth.secretId) })
          })
        case "kubernetes":
        case "jwt": {
          const jwt = Redacted.isRedacted(auth.jwt)
            ? Option.some(Redacted.value(auth.jwt))
            : yield* readToken(auth.jwt.file)
          if (Option.isNone(jwt)) {
            const file = Redacted.isRedacted(auth.jwt) ? "" : auth.jwt.file
            return yield* http.fail("no token", `there is no JWT to log in with in ${file}`)
          }
          return yield* login(auth.mount, {
            jwt: jwt.value,
            ...(auth.role === undefined ? {} : { role: auth.role })
          })
        }
      }
    })

    /**
     * Keeps a token alive while the scope is open. A failure is not told: if the token ends over it, the next request
     * says so.
     */
    const renew = Effect.gen(function* () {
      yield* Effect.sleep(settled)
      for (;;) {
        const current = held
        if (current === undefined) return
        const found = yield* http
          .send({ method: "GET", path: ["auth", "token", "lookup-self"], token: current.token })
          .pipe(Effect.retry(insisting))
        if (isRefusal(found)) return
        const left = fieldOf(found.body, "data", "ttl")
        // A ttl of 0 is the root token's: it never ends.
        if (fieldOf(found.body, "data", "renewable") !== true || typeof left !== "number" || left <= 0) return
        yield* Effect.sleep(Duration.max(Duration.seconds(left * renewAt), shortest))
        // Until its end: while Vault is away nobody else asks it to keep the token.
        const renewed = yield* http
          .send({ method: "POST", path: ["auth", "token", "renew-self"], body: {}, token: current.token })
          .pipe(Effect.retry({ schedule: insisting, times: Math.ceil(left / 2) }))
        if (isRefusal(renewed)) return
      }
    }).pipe(
      Effect.ignore({ log: "Debug" }),
      Effect.ensuring(
        Effect.sync(() => {
          isRenewing = false
        })
      )
    )

    const current = Effect.gen(function* () {
      held ??= yield* obtain
      if (!isRenewing) {
        isRenewing = true
        yield* Effect.forkIn(Effect.interruptible(renew), scope)
      }
      return held
    }).pipe(turn.withPermit)

    /** Whether Vault still knows a token: the same 403 may mean the token, or the path. */
    const isKnown = (token: Redacted.Redacted) =>
      Effect.map(
        http.send({ method: "GET", path: ["auth", "token", "lookup-self"], token }),
        (answer) => !isRefusal(answer)
      )

    /** Another token than the one that was refused, where there is one to get. */
    const replace = (refused: Held) =>
      Effect.gen(function* () {
        if (held !== refused) return Option.fromNullishOr(held)
        const next = yield* obtain
        if (Redacted.value(next.token) === Redacted.value(refused.token)) return Option.none<Held>()
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
            "it does not know this token, or not any more, or lets it neither do this nor look itself up"
          )
        }
        answer = yield* http.send({ ...request, token: next.value.token })
      }
      if (isRefusal(answer)) {
        if (answer.status === 400) return { status: 400, errors: answer.errors } as const
        const path = request.path.join("/")
        return yield* http.fail("forbidden", `the token may not ${verbs[request.method]} ${path}`)
      }
      return answer
    })

    return { send }
  })

const verbs: Readonly<Record<VaultRequest["method"], string>> = {
  GET: "read",
  POST: "write",
  DELETE: "delete"
}
