// @effect-diagnostics globalDate:off
import { type ChildProcess, spawn } from "node:child_process"
import { createHash, randomBytes } from "node:crypto"
import { mkdtempSync, readFileSync, readdirSync, rmSync } from "node:fs"
import { tmpdir } from "node:os"
import { join } from "node:path"
import { Effect, Layer, Option, Redacted } from "effect"
import { CredentialKey, CredentialStore, TokenSet } from "mcp-cli-oauth"
import { afterAll, assert, beforeAll, describe, it } from "vitest"
import * as Database from "../../examples/web-server/Database.ts"
import * as PendingSignIns from "../../examples/web-server/PendingSignIns.ts"
import * as SqliteStore from "../../examples/web-server/SqliteStore.ts"
import { type AuthorizationServer, startAuthorizationServer } from "../servers/AuthorizationServer.ts"
import { followRedirects } from "../servers/BrowserUser.ts"
import { type McpServer, startMcpServer } from "../servers/McpServer.ts"

const publicUrl = "https://app.example.com"
const callbackUrl = `${publicUrl}/callback`
const folder = mkdtempSync(join(tmpdir(), "web-server-"))
const database = join(folder, "web-server.sqlite")
const key = randomBytes(32).toString("base64")

let authorizationServer: AuthorizationServer
let mcpServer: McpServer

interface Replica {
  readonly origin: string
  readonly output: () => string
  readonly stop: () => Promise<void>
}

/** Starts a replica, which prints its address when it listens. */
const startReplica = async (holdFor: string): Promise<Replica> => {
  const child: ChildProcess = spawn(process.execPath, ["examples/web-server/main.ts"], {
    stdio: ["ignore", "pipe", "pipe"],
    env: {
      PATH: process.env["PATH"],
      PORT: "0",
      PUBLIC_URL: publicUrl,
      MCP_URL: mcpServer.url.href,
      DATABASE: database,
      STORE_KEY: key,
      HOLD_FOR: holdFor
    }
  })
  let output = ""
  const ended = new Promise<void>((done) => child.once("close", () => done()))
  const origin = await new Promise<string>((done, reject) => {
    const read = (chunk: Buffer) => {
      output += chunk.toString()
      const address = /Listening on (http:\/\/127\.0\.0\.1:\d+)/.exec(output)?.[1]
      if (address !== undefined) done(address)
    }
    child.stdout?.on("data", read)
    child.stderr?.on("data", read)
    void ended.then(() => reject(new Error(`the replica ended: ${output}`)))
  })
  return {
    origin,
    output: () => output,
    stop: () => {
      child.kill()
      return ended
    }
  }
}

/** `a` holds credentials for the default of a minute. `b` reads the database for every request. */
let a: Replica
let b: Replica

beforeAll(async () => {
  authorizationServer = await startAuthorizationServer({ autoApprove: true })
  mcpServer = await startMcpServer({ authorizationServer })
  ;[a, b] = await Promise.all([startReplica("1 minute"), startReplica("0 seconds")])
})
afterAll(async () => {
  await Promise.all([a.stop(), b.stop()])
  await Promise.all([authorizationServer.close(), mcpServer.close()])
  rmSync(folder, { recursive: true, force: true })
})

/** A user with a browser that keeps the session cookie for all replicas, as it does behind one public address. */
const makeUser = () => {
  let cookie = ""
  const request = async (replica: Replica, path: string, method = "GET") => {
    const response = await fetch(new URL(path, replica.origin), {
      method,
      redirect: "manual",
      headers: { cookie }
    })
    const [set] = response.headers.getSetCookie()
    cookie = set?.split(";")[0] ?? cookie
    return response
  }
  return {
    request,
    session: () => cookie.replace("session=", ""),
    /** Clicks on "connect". Returns where the browser goes. */
    connect: async (replica: Replica): Promise<string> => {
      const response = await request(replica, "/connect")
      assert.strictEqual(response.status, 303, await response.text())
      assert.include(response.headers.get("set-cookie"), "HttpOnly; Secure; SameSite=Lax")
      return response.headers.get("location") ?? ""
    },
    /** Approves. Returns path and query of the callback, which any replica may get. */
    approve: async (authorizationUrl: string): Promise<string> => {
      const { url } = await followRedirects(authorizationUrl, callbackUrl)
      const { pathname, search } = new URL(url)
      return pathname + search
    }
  }
}
type User = ReturnType<typeof makeUser>

/** Signs in: the click reaches one replica, and the callback perhaps another one. */
const signIn = async (user: User, begins: Replica, completes: Replica) => {
  const callback = await user.approve(await user.connect(begins))
  const response = await user.request(completes, callback)
  assert.strictEqual(response.status, 303, await response.text())
}

const statusOf = async (user: User, replica: Replica, path = "/tools") =>
  (await user.request(replica, path)).status

const count = (name: string) => authorizationServer.counts.get(name) ?? 0

/** The database as a replica with the key sees it. */
const storage = Layer.mergeAll(SqliteStore.layer, PendingSignIns.layer).pipe(
  Layer.provide(Database.layer({ file: database, key: Redacted.make(key) }))
)
const inStorage = <A, E>(
  use: (services: {
    readonly store: CredentialStore["Service"]
    readonly pendingSignIns: PendingSignIns.PendingSignIns["Service"]
  }) => Effect.Effect<A, E>
) =>
  Effect.runPromise(
    Effect.gen(function* () {
      const pendingSignIns = yield* PendingSignIns.PendingSignIns
      return yield* use({ store: yield* CredentialStore, pendingSignIns })
    }).pipe(Effect.provide(storage))
  )

const accountOf = (user: User) => createHash("sha256").update(user.session()).digest("hex")
const keyOf = (user: User) => CredentialKey.of("mcp", accountOf(user))

const tokensOf = (user: User) =>
  inStorage(({ store }) =>
    Effect.map(store.get(keyOf(user)), (found) => Option.getOrUndefined(found)?.tokens)
  )

/** Lets the stored access token of a user expire, without waiting for it. */
const expire = (user: User) =>
  inStorage(({ store }) =>
    Effect.gen(function* () {
      const credential = Option.getOrThrow(yield* store.get(keyOf(user)))
      const { tokens } = credential
      if (tokens === undefined) throw new Error("the user is not signed in")
      const expired = new TokenSet({ ...tokens, expiresAt: Date.now() - 1000 })
      yield* store.put(keyOf(user), credential.next({ tokens: expired }))
    })
  )

describe("two replicas of the web server", () => {
  const users = Array.from({ length: 5 }, makeUser)

  it("sign in many users over one client registration, at whichever replica the callback arrives", async () => {
    const [first, ...others] = users
    await signIn(first!, a, a)
    await Promise.all(others.map((user, at) => (at % 2 === 0 ? signIn(user, a, b) : signIn(user, b, a))))
    for (const replica of [a, b]) {
      const answers = await Promise.all(users.map((user) => user.request(replica, "/tools")))
      for (const answer of answers) assert.include(await answer.json(), "echo")
    }
    const tokens = await Promise.all(users.map(tokensOf))
    const held = new Set(tokens.map((found) => found && Redacted.value(found.accessToken)))
    assert.strictEqual(held.size, users.length)
    assert.strictEqual(count("register"), 1)
    assert.strictEqual(count("token:authorization_code"), users.length)
    assert.strictEqual(count("token:refresh_token"), 0)
  })

  it("require a sign-in of a user who has none", async () => {
    const stranger = makeUser()
    assert.strictEqual(await statusOf(stranger, a), 401)
    assert.strictEqual(await statusOf(stranger, b), 401)
  })

  it("complete the second click of a user who abandoned the first", async () => {
    const user = makeUser()
    const abandoned = await user.connect(a)
    await signIn(user, b, a)
    assert.strictEqual(await statusOf(user, b), 200)
    // The other tab still works, too.
    assert.strictEqual(await statusOf(user, b, await user.approve(abandoned)), 303)
    assert.strictEqual(count("register"), 1)
  })

  it("refuse a callback that is used twice, at either replica", async () => {
    const user = makeUser()
    const callback = await user.approve(await user.connect(a))
    assert.strictEqual(await statusOf(user, b, callback), 303)
    const exchanged = count("token:authorization_code")
    assert.strictEqual(await statusOf(user, b, callback), 400)
    assert.strictEqual(await statusOf(user, a, callback), 400)
    assert.strictEqual(count("token:authorization_code"), exchanged)
    assert.strictEqual(await statusOf(user, a), 200)
  })

  it("complete one of two copies of a callback that arrive together", async () => {
    const user = makeUser()
    const callback = await user.approve(await user.connect(a))
    const statuses = await Promise.all([a, b].map((replica) => statusOf(user, replica, callback)))
    assert.deepEqual(statuses.toSorted(), [303, 400])
  })

  it("refuse a callback in the browser of another user, and leave it to its own", async () => {
    const [attacker, victim] = [makeUser(), makeUser()]
    const callback = await attacker.approve(await attacker.connect(a))
    await victim.connect(a)
    const exchanged = count("token:authorization_code")
    assert.strictEqual(await statusOf(victim, a, callback), 400)
    assert.strictEqual(await statusOf(victim, b, callback), 400)
    assert.strictEqual(await statusOf(makeUser(), b, callback), 401)
    assert.strictEqual(count("token:authorization_code"), exchanged)
    assert.strictEqual(await statusOf(victim, a), 401)
    assert.strictEqual(await statusOf(attacker, b, callback), 303)
  })

  it("tell a user who denied the sign-in", async () => {
    const user = makeUser()
    const state = new URL(await user.connect(a)).searchParams.get("state") ?? ""
    const parameters = new URLSearchParams({ state, error: "access_denied", iss: authorizationServer.issuer })
    assert.strictEqual(await statusOf(user, b, `/callback?${parameters.toString()}`), 400)
    assert.strictEqual(await statusOf(user, b), 401)
    const left = await inStorage(({ pendingSignIns }) => pendingSignIns.take(accountOf(user), state))
    assert.isTrue(Option.isNone(left), "a callback without a code uses up its sign-in, too")
  })

  it("refresh an expired token once for parallel requests at both", async () => {
    const user = makeUser()
    await signIn(user, b, b)
    await expire(user)
    const refreshed = count("token:refresh_token")
    const revokedGrants = authorizationServer.revokedGrants()
    const statuses = await Promise.all([a, b, a, b, a, b, a, b].map((replica) => statusOf(user, replica)))
    assert.deepEqual(new Set(statuses), new Set([200]))
    assert.strictEqual(count("token:refresh_token"), refreshed + 1)
    assert.strictEqual(authorizationServer.revokedGrants(), revokedGrants)
  })

  it("see a sign-out at the other one", async () => {
    for (const [here, there] of [
      [a, b],
      [b, a]
    ] as const) {
      const user = makeUser()
      await signIn(user, here, there)
      assert.deepEqual([await statusOf(user, here), await statusOf(user, there)], [200, 200])
      const tokens = await tokensOf(user)
      assert.strictEqual((await user.request(here, "/disconnect", "POST")).status, 204)
      const revoked = authorizationServer.revocations.map(({ parameters }) => parameters.get("token"))
      assert.include(revoked, tokens?.refreshToken && Redacted.value(tokens.refreshToken))
      assert.isUndefined(await tokensOf(user))
      assert.deepEqual([await statusOf(user, here), await statusOf(user, there)], [401, 401])
    }
  })

  it("use a credential that is gone from the database for as long as they hold it", async () => {
    const user = makeUser()
    await signIn(user, a, b)
    assert.deepEqual([await statusOf(user, a), await statusOf(user, b)], [200, 200])
    await inStorage(({ store }) => store.remove(keyOf(user)))
    assert.deepEqual([await statusOf(user, a), await statusOf(user, b)], [200, 401])
  })

  it("write no secret to the disk or the log", async () => {
    const user = makeUser()
    const abandoned = await user.connect(a)
    const stored = Buffer.concat(readdirSync(folder).map((name) => readFileSync(join(folder, name))))
    const state = new URL(abandoned).searchParams.get("state") ?? ""
    const pending = await inStorage(({ pendingSignIns }) => pendingSignIns.take(accountOf(user), state))
    const tokens = await Promise.all(users.map(tokensOf))
    const secrets = [
      ...tokens.flatMap((found) =>
        [found?.accessToken, found?.refreshToken].map((token) => token && Redacted.value(token))
      ),
      ...authorizationServer.tokenRequests.flatMap(({ parameters }) => [
        parameters.get("code"),
        parameters.get("code_verifier"),
        parameters.get("refresh_token")
      ]),
      state,
      Option.getOrUndefined(pending)?.codeVerifier?.pipe(Redacted.value),
      ...users.map((user) => user.session()),
      key
    ].filter((secret) => typeof secret === "string")
    assert.isAbove(secrets.length, 30)
    const logs = a.output() + b.output()
    assert.deepEqual(
      secrets.filter((secret) => stored.includes(secret) || logs.includes(secret)),
      []
    )
    assert.include(stored.toString("latin1"), accountOf(user), "the file that was read is the database")
  })
})
