import { Client, StreamableHTTPClientTransport } from "@modelcontextprotocol/client"
import { isReady } from "../../src/domain/ConfiguredServer.ts"
import { Console, Duration, Effect, Layer } from "effect"
import {
  AccessTokens,
  AuthorizedHttp,
  Browser,
  Credentials,
  Configuration,
  UserInteraction,
  ServerSession,
  SignIn
} from "../../src/index.ts"
import { authorizedFetch, McpConnectorLive } from "../../src/mcp.ts"
import * as Live from "../../src/node.ts"
import { MemoryLock, MemoryStore } from "../../src/testing.ts"
import { followRedirects } from "../servers/BrowserUser.ts"
import { here, over } from "../adapters/config/InMemoryFile.ts"
import { argumentsOf, configuration, scenario } from "./ScenarioSetup.ts"

// The client that the official conformance suite starts: our own layers, our listener, and a browser that follows
// redirects.

const user = Layer.succeed(UserInteraction, {
  present: true,
  timeout: Duration.minutes(2),
  askToSignIn: (server, address) => Console.error(`sign in to ${server}: ${address.href}`),
  askToUseDevice: () => Effect.void,
  pastedRedirect: () => Effect.never,
  tell: Console.error
})

const browser = Layer.succeed(Browser, {
  open: (address) =>
    Effect.asVoid(
      Effect.forkDetach(
        Effect.tryPromise(() => followRedirects(address.href)).pipe(
          Effect.catch(({ cause }) => Console.error("The browser has failed:", cause))
        )
      )
    )
})

const stack = ServerSession.layer.pipe(
  Layer.provideMerge(AuthorizedHttp.layer),
  Layer.provideMerge(AccessTokens.layer),
  Layer.provideMerge(SignIn.layer),
  Layer.provideMerge(Credentials.layer),
  Layer.provideMerge(
    Layer.mergeAll(
      McpConnectorLive.layer({ version: "conformance" }),
      browser,
      user,
      MemoryStore.layer,
      MemoryLock.layer,
      over({ [here]: configuration })
    )
  ),
  Layer.provideMerge(Live.WireLive.layer)
)

/** The server of the scenario, which refers to no secret. */
const configured = Effect.filterOrFail(
  Configuration.use((configuration) => configuration.server("server")),
  isReady
)

/** What every scenario wants seen: the list of tools, and each of them called. */
const useTools = Effect.gen(function* () {
  const server = yield* configured
  const session = yield* ServerSession.ServerSession.use((sessions) => sessions.open(server))
  const tools = yield* session.tools
  yield* Console.error(tools.map(({ name }) => name).join(", "))
  for (const { name } of tools) {
    const result = yield* session.call(name, argumentsOf(name))
    yield* Console.error(`${name}: ${result.isError ? "error" : "done"}`)
  }
})

/**
 * Servers that ask back (elicitation) are no matter of authorization, and sessions of ours have no answer for them: here
 * the official client has one, over our `fetch`.
 */
const answerQuestions = Effect.gen(function* () {
  const server = yield* configured
  if (server._tag !== "Http") return
  const fetch = yield* authorizedFetch(server)
  yield* Effect.promise(async () => {
    const client = new Client(
      { name: "mcp-cli", version: "conformance" },
      {
        capabilities: { elicitation: { form: { applyDefaults: true } } },
        versionNegotiation: { mode: "auto" }
      }
    )
    client.setRequestHandler("elicitation/create", () => ({ action: "accept", content: {} }))
    await client.connect(new StreamableHTTPClientTransport(server.url, { fetch }))
    const { tools } = await client.listTools()
    // One of the answers is none by its revision, and the official client says so; the next tool is called all the same.
    for (const { name } of tools) {
      await client
        .callTool({ name, arguments: {} })
        .catch((error: unknown) => process.stderr.write(`${name}: ${String(error)}\n`))
    }
    await client.close()
  })
})

const asksBack = ["elicitation-sep1034-client-defaults", "sep-2322-client-request-state"]

const program = Effect.suspend(
  (): Effect.Effect<
    void,
    Effect.Error<typeof useTools>,
    Effect.Services<typeof useTools> | Effect.Services<typeof answerQuestions>
  > => (asksBack.includes(scenario) ? answerQuestions : useTools)
).pipe(
  Effect.scoped,
  Effect.provide(stack),
  Effect.as(0),
  Effect.catch((error) => Effect.as(Console.error(error.message), 1))
)

process.exit(await Effect.runPromise(program))
