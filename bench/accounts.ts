import { performance } from "node:perf_hooks"
import { setFlagsFromString } from "node:v8"
import { runInNewContext } from "node:vm"
import { Clock, Effect, Layer, Option, Redacted } from "effect"
import { storageBackends } from "../src/ports/StorageBackend.ts"
import { TokenSet } from "../src/domain/TokenSet.ts"
import {
  AccessTokens,
  Credential,
  CredentialKey,
  Credentials,
  CredentialStore,
  DynamicRegistration,
  HttpTransport,
  remoteServer,
  SignIn
} from "../src/index.ts"
import {
  MemoryClientRegistrations,
  MemoryLock,
  ScriptedAuthorizationServer,
  ScriptedUser
} from "../src/testing.ts"

/**
 * The heap that 100,000 accounts of one server cost, and how long `get` takes for a token in memory. Run it alone:
 * `node bench/accounts.ts`. The store makes each credential when it is read, as a store outside the process does, so only
 * what the library holds counts.
 */
const accounts = 100_000
const goal = 300

setFlagsFromString("--expose-gc")
const collectGarbage: unknown = runInNewContext("gc")
const heap = (): number => {
  if (typeof collectGarbage === "function") Reflect.apply(collectGarbage, undefined, [])
  return process.memoryUsage().heapUsed / 1_000_000
}
const say = (line: string) => process.stdout.write(`${line}\n`)

const server = remoteServer("https://demo.test/mcp", { name: "demo" })

/** A secret of its own for each account; flat, as text that was read from a store is. */
const secret = (account: string, length: number) =>
  Redacted.make(Buffer.from(account.padEnd(length, ".")).toString("latin1"))

const credentialOf = ({ account }: CredentialKey, now: number) =>
  new Credential({
    resource: "https://demo.test/mcp",
    issuer: "https://as.test",
    tokenEndpoint: "https://as.test/token",
    registration: new DynamicRegistration({
      clientId: `client-${account}`,
      authenticationMethod: "none",
      redirectUri: "http://localhost:8080/callback"
    }),
    tokens: new TokenSet({
      // As long as a JWT of Keycloak.
      accessToken: secret(account, 1200),
      refreshToken: secret(account, 700),
      tokenType: "bearer",
      obtainedAt: now,
      expiresAt: now + 24 * 3_600_000
    }),
    grantedScopes: ["mcp:read", "mcp:write"],
    requestedScopes: ["mcp:read", "mcp:write"],
    generation: 1
  })

const nothing = () => Effect.die("not used by this bench")
const store = Layer.succeed(
  CredentialStore,
  CredentialStore.of({
    description: { backend: storageBackends.memory, location: "this bench" },
    unlock: Effect.void,
    get: (key) => Effect.map(Clock.currentTimeMillis, (now) => Option.some(credentialOf(key, now))),
    put: nothing,
    remove: nothing,
    clear: Effect.void,
    list: Effect.succeed([])
  })
)

const measure = Effect.gen(function* () {
  const tokens = yield* AccessTokens.AccessTokens
  yield* tokens.get({ server, account: "user-0" })
  const before = heap()
  const first = performance.now()
  for (let at = 1; at < accounts; at++) yield* tokens.get({ server, account: `user-${at}` })
  const loading = performance.now() - first
  const held = heap() - before
  say(
    `heap of ${accounts.toLocaleString("en")} accounts: ${held.toFixed(0)} MB, goal <= ${goal}: ${held <= goal ? "met" : "MISSED"}; read from the store in ${loading.toFixed(0)} ms`
  )
  const times: Array<number> = []
  for (let round = 0; round < 7; round++) {
    const began = performance.now()
    for (let at = 0; at < accounts; at++) yield* tokens.get({ server, account: "user-0" })
    times.push(performance.now() - began)
  }
  const median = times.toSorted((a, b) => a - b)[3] ?? 0
  say(`${accounts.toLocaleString("en")} get of one account from memory: ${median.toFixed(0)} ms`)
})

await Effect.runPromise(
  measure.pipe(
    Effect.provide(
      AccessTokens.layer.pipe(
        Layer.provide(SignIn.layer),
        Layer.provide(Credentials.layer),
        Layer.provide(ScriptedUser.layer()),
        Layer.provide(ScriptedAuthorizationServer.layer()),
        Layer.provide(store),
        Layer.provide(Layer.merge(MemoryLock.layer, MemoryClientRegistrations.layer)),
        Layer.provide(Layer.succeed(HttpTransport, { send: () => Effect.succeed(new Response()) }))
      )
    )
  )
)
