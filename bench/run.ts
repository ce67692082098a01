import { type ChildProcess, spawn } from "node:child_process"
import { pbkdf2 } from "node:crypto"
import { createRequire } from "node:module"
import { dirname, join } from "node:path"
import { Duration, Effect, Layer, Option, Redacted } from "effect"
import { TestClock } from "effect/testing"
import {
  AccessTokens,
  Credentials,
  CredentialKey,
  CredentialStore,
  HttpTransport,
  remoteServer,
  SecretPrompt,
  SignIn
} from "../src/index.ts"
import {
  MemoryClientRegistrations,
  MemoryLock,
  MemoryStore,
  ScriptedAuthorizationServer,
  ScriptedUser
} from "../src/testing.ts"
import { EncryptedFileStore } from "../src/node.ts"
import { compare, median, rounds, say, timed } from "./Measure.ts"
import { password, startWorld, type World } from "../test/e2e/World.ts"
import { followRedirects } from "../test/servers/BrowserUser.ts"
import { timeline } from "./Timeline.ts"
import { hasSecretService, startSecretService } from "../test/servers/SecretService.ts"

const deriveKey = () =>
  new Promise((done) => pbkdf2("a password", "a salt of 16 byt", 600_000, 32, "sha256", done))

const nodeNothing = () =>
  new Promise<void>((done) =>
    spawn(process.execPath, ["-e", "0"], { stdio: "ignore" }).once("close", () => done())
  )

const run = async (world: World, args: ReadonlyArray<string>, env: Readonly<Record<string, string>> = {}) => {
  const { code, stderr } = await world.run(args, { env })
  if (code !== 0) throw new Error(`mcp-cli ${args.join(" ")}: ${stderr}`)
}

const mcpRemote = join(
  dirname(createRequire(import.meta.url).resolve("mcp-remote/package.json")),
  "dist",
  "proxy.js"
)

/** Speaks MCP over the standard input and output of a program, up to the answer to `tools/list`. */
const listToolsOver = (child: ChildProcess): Promise<void> =>
  new Promise((done, reject) => {
    let text = ""
    const send = (message: object) =>
      child.stdin?.write(`${JSON.stringify({ jsonrpc: "2.0", ...message })}\n`)
    child.stdout?.on("data", (chunk: Buffer) => {
      text += chunk.toString()
      for (let end = text.indexOf("\n"); end >= 0; end = text.indexOf("\n")) {
        const { id } = JSON.parse(text.slice(0, end)) as { id?: number }
        text = text.slice(end + 1)
        if (id === 1) {
          send({ method: "notifications/initialized" })
          send({ id: 2, method: "tools/list" })
        }
        if (id === 2) child.kill()
      }
    })
    child.once("close", () => done())
    child.once("error", reject)
    send({
      id: 1,
      method: "initialize",
      params: { protocolVersion: "2025-06-18", capabilities: {}, clientInfo: { name: "bench", version: "1" } }
    })
  })

const startMcpRemote = (world: World) => {
  const { NODE_OPTIONS: _, ...env } = process.env
  return spawn(
    process.execPath,
    [mcpRemote, world.mcpServer.url.href, "--allow-http", "--transport", "http-only"],
    {
      env: {
        ...env,
        HOME: world.home,
        BROWSER: "true",
        MCP_REMOTE_CONFIG_DIR: join(world.home, "mcp-remote")
      },
      stdio: ["pipe", "pipe", "pipe"]
    }
  )
}

const driveMcpRemote = (world: World) => {
  const child = startMcpRemote(world)
  child.stderr.resume()
  return listToolsOver(child)
}

/** mcp-remote signs in as its users do: its own listener, and a browser that follows redirects. */
const signInMcpRemote = async (world: World) => {
  const child = startMcpRemote(world)
  let seen = ""
  let visited = false
  child.stderr.on("data", (chunk: Buffer) => {
    seen += chunk.toString()
    const url = /^\s*(http:\/\/\S+\/authorize\?\S+)/m.exec(seen)?.[1]
    if (url !== undefined && !visited) {
      visited = true
      void followRedirects(url)
    }
  })
  await listToolsOver(child)
  if (!visited) throw new Error(`mcp-remote did not sign in: ${seen}`)
}

const thousandFibers = Effect.gen(function* () {
  const server = remoteServer("https://demo.test/mcp", { name: "demo" })
  const tokens = yield* AccessTokens.AccessTokens
  yield* tokens.get({ server })
  const credential = yield* CredentialStore.use((store) => store.get(CredentialKey.of("demo")))
  yield* TestClock.adjust(Duration.hours(2))
  const answers = yield* Effect.forEach(Array.from({ length: 1000 }), () => tokens.get({ server }), {
    concurrency: "unbounded"
  })
  const { counts } = yield* ScriptedAuthorizationServer.ScriptedAuthorizationServer
  return {
    answers: new Set(answers).size === 1 ? answers.length : 0,
    refreshes: counts.refreshes,
    signedIn: credential._tag
  }
}).pipe(
  Effect.provide(
    AccessTokens.layer.pipe(
      Layer.provide(SignIn.layer),
      Layer.provide(Credentials.layer),
      Layer.provide(ScriptedUser.layer()),
      Layer.provideMerge(ScriptedAuthorizationServer.layer()),
      Layer.provideMerge(MemoryStore.layer),
      Layer.provide(Layer.merge(MemoryLock.layer, MemoryClientRegistrations.layer)),
      Layer.provide(Layer.succeed(HttpTransport, { send: () => Effect.succeed(new Response()) })),
      Layer.provideMerge(TestClock.layer())
    )
  )
)

/** The keyring takes the place of the password and its derivation. */
const ofKeyring = async () => {
  if (!hasSecretService) {
    say("auth token from the Secret Service: not measured, it needs dbus and gnome-keyring")
    return
  }
  const keyring = await startSecretService()
  const place = await startWorld()
  const env = {
    DBUS_SESSION_BUS_ADDRESS: keyring.env["DBUS_SESSION_BUS_ADDRESS"] ?? "",
    MCP_CLI_ENCRYPTION_KEY: ""
  }
  await run(place, ["auth", "login", "demo"], env)
  await compare(
    "auth token from the Secret Service / node -e 0",
    3.5,
    () => run(place, ["auth", "token", "demo"], env),
    nodeNothing
  )
  await place.close()
  await keyring.close()
}

const ofTenThousand = async (one: World) => {
  const many = await startWorld()
  await run(many, ["auth", "login", "demo"])
  const store = EncryptedFileStore.layer({
    directory: join(many.home, ".mcp_cli", "tokens"),
    password: Redacted.make(password)
  }).pipe(
    Layer.provide(MemoryLock.layer),
    Layer.provide(Layer.succeed(SecretPrompt, { ask: () => Effect.succeedNone }))
  )
  await Effect.runPromise(
    CredentialStore.use((kept) =>
      Effect.gen(function* () {
        const credential = Option.getOrThrow(yield* kept.get(CredentialKey.of("demo")))
        yield* Effect.forEach(
          Array.from({ length: 9999 }, (_, at) => CredentialKey.of(`server-${at}`)),
          (key) => kept.put(key, credential),
          { concurrency: 16 }
        )
      })
    ).pipe(Effect.provide(store))
  )
  await compare(
    "auth token with 10,000 credentials / with 1",
    1.2,
    () => run(many, ["auth", "token", "demo"]),
    () => run(one, ["auth", "token", "demo"])
  )
  const times: Array<number> = []
  for (let round = 0; round < 5; round++) times.push(await timed(() => run(many, ["auth", "status"])))
  say(
    `auth status of 10,000: ${median(times).toFixed(0)} ms, goal <= 1000: ${median(times) <= 1000 ? "met" : "MISSED"}`
  )
  await many.close()
}

const world = await startWorld()
try {
  await run(world, ["auth", "login", "demo"])
  await signInMcpRemote(world)
  const derivations: Array<number> = []
  for (let round = 0; round < rounds; round++) derivations.push(await timed(deriveKey))
  say(`the key derivation alone: ${median(derivations).toFixed(0)} ms`)
  await compare("auth token / node -e 0", 5, () => run(world, ["auth", "token", "demo"]), nodeNothing)
  await compare("servers / node -e 0 (no key derivation)", 2.7, () => run(world, ["servers"]), nodeNothing)
  await compare(
    "tools NAME / mcp-remote",
    0.5,
    () => run(world, ["tools", "demo"]),
    () => driveMcpRemote(world)
  )

  await timeline(world, ["tools", "demo"])
  const older = await startWorld({ mcp: { isOlder: true } })
  await run(older, ["auth", "login", "demo"])
  say("The same at a server of 2025-11-25:")
  await timeline(older, ["tools", "demo"])
  await older.close()

  const before = new Map([...world.authorizationServer.counts, ...world.mcpServer.counts])
  await run(world, ["tools", "demo"])
  const made = [...world.authorizationServer.counts, ...world.mcpServer.counts]
    .map(([name, count]) => [name, count - (before.get(name) ?? 0)] as const)
    .filter(([, count]) => count > 0)
  say(
    `HTTP requests of tools NAME: ${made.map(([name, count]) => `${count} ${name}`).join(", ")}; goal: the handshake's own and the list`
  )

  await ofKeyring()
  await ofTenThousand(world)

  const { answers, refreshes } = await Effect.runPromise(thousandFibers)
  say(`1,000 fibers, expired token: ${refreshes} refresh, ${answers} answers; goal: 1 refresh, 1,000 answers`)
} finally {
  await world.close()
}
