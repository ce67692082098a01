import { Clock, Console, Duration, Effect, Layer } from "effect"
import * as NodeRuntime from "@effect/platform-node/NodeRuntime"
import { Browser, remoteServer, ServerSession, UserInteraction } from "../src/index.ts"
import { McpConnectorLive } from "../src/mcp.ts"
import { BrowserLive, McpAuth } from "../src/node.ts"
import { startAuthorizationServer } from "../test/servers/AuthorizationServer.ts"
import { startMcpServer } from "../test/servers/McpServer.ts"
import { followRedirects } from "../test/servers/BrowserUser.ts"

/** Lifetime of an access token, in seconds: the demonstration waits for its end. */
const lifetime = 4

const withBrowser = process.argv.includes("--browser")

/** A real authorization server and a real MCP server on loopback, which store everything in memory. */
const servers = Effect.acquireRelease(
  Effect.promise(async () => {
    const authorizationServer = await startAuthorizationServer({
      accessTokenSeconds: lifetime,
      autoApprove: !withBrowser
    })
    return { authorizationServer, mcpServer: await startMcpServer({ authorizationServer }) }
  }),
  ({ authorizationServer, mcpServer }) =>
    Effect.promise(() => Promise.all([authorizationServer.close(), mcpServer.close()]))
)

let browsersOpened = 0

/** The platform's browser with `--browser`. Otherwise a user without a display, who follows the redirects. */
const browser = Layer.effect(
  Browser,
  Effect.map(Browser, (real) =>
    Browser.of({
      open: Effect.fn("demo.open")(function* (url, named) {
        browsersOpened += 1
        if (withBrowser) return yield* real.open(url, named)
        yield* Effect.forkDetach(Effect.promise(() => followRedirects(url.href)))
      })
    })
  )
).pipe(Layer.provide(BrowserLive.layer))

const user = Layer.succeed(
  UserInteraction,
  UserInteraction.of({
    present: true,
    timeout: Duration.minutes(5),
    askToSignIn: (server, url) =>
      Console.log(`  Authentication required for ${server}\n  ${url.href.slice(0, 100)}…`),
    askToUseDevice: (server, { userCode, verificationUri }) =>
      Console.log(`  Authentication required for ${server}\n  ${verificationUri.href}: ${userCode}`),
    pastedRedirect: () => Effect.never,
    tell: (message) => Console.log(`  ${message}`)
  })
)

/** The layers of the program, except for the store, which is in memory, and the user. */
const stack = ServerSession.layer.pipe(
  Layer.provide(McpConnectorLive.layer({ version: "demo" })),
  Layer.provide(McpAuth.layer({ store: "memory", interaction: user, browser }))
)

const step = (title: string) => Console.log(`\n${title}`)

const demo = Effect.gen(function* () {
  const { authorizationServer, mcpServer } = yield* servers
  const count = (name: string) => authorizationServer.counts.get(name) ?? 0
  const server = remoteServer(mcpServer.url, { name: "demo" })
  const started = yield* Clock.currentTimeMillis

  yield* step(`1. A server that is known by its URL alone: ${server.url.href}`)
  const session = yield* ServerSession.ServerSession.use((sessions) => sessions.open(server))
  yield* Console.log(
    `  Connected to ${session.server.name} ${session.server.version}, MCP ${session.server.protocol}`
  )

  yield* step("2. Its tools")
  const tools = yield* session.tools
  for (const tool of tools) yield* Console.log(`  ${tool.name}: ${tool.description ?? ""}`)

  yield* step("3. A call: add 19 and 23")
  const first = yield* session.call("add", { a: 19, b: 23 })
  yield* Console.log(
    `  ${first.content.map((content) => (content._tag === "Text" ? content.text : "")).join("")}`
  )

  yield* step(`4. The access token ends after ${lifetime} seconds. Waiting for that, and one more`)
  yield* Effect.sleep(Duration.seconds(lifetime + 1))

  yield* step("5. The same session, the next call")
  const before = { refreshes: count("token:refresh_token"), browsersOpened }
  const second = yield* session.call("echo", { text: "still signed in" })
  yield* Console.log(
    `  ${second.content.map((content) => (content._tag === "Text" ? content.text : "")).join("")}`
  )
  const refreshed = count("token:refresh_token") - before.refreshes

  yield* step("What that took")
  const took = (((yield* Clock.currentTimeMillis) - started) / 1000).toFixed(1)
  const rows = [
    ["browsers opened", String(browsersOpened)],
    ["clients registered", String(count("register"))],
    ["codes exchanged", String(count("token:authorization_code"))],
    ["refreshes", String(count("token:refresh_token"))],
    ["refreshes after the token had ended, without a browser", String(refreshed)],
    ["requests answered 401", String(mcpServer.counts.get("401") ?? 0)],
    ["tokens written to the disk", "0"],
    ["seconds", took]
  ]
  for (const [what, figure] of rows)
    yield* Console.log(`  ${(what ?? "").padEnd(56)} ${(figure ?? "").padStart(5)}`)
  if (browsersOpened !== 1 || refreshed !== 1) {
    return yield* Effect.die(new Error("one browser and one refresh were expected"))
  }
}).pipe(Effect.scoped, Effect.provide(stack))

NodeRuntime.runMain(demo)
