import { Client, StreamableHTTPClientTransport } from "@modelcontextprotocol/client"
import { Console, Duration, Effect, Layer, Option, Schema } from "effect"
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

// The client that the official conformance suite starts: our own layers, our listener, and a browser that follows
// redirects. Its last argument is the server's URL.

const url = process.argv.at(-1) ?? ""
const scenario = process.env["MCP_CONFORMANCE_SCENARIO"] ?? ""

const Context = Schema.fromJsonString(
  Schema.Struct({
    client_id: Schema.optionalKey(Schema.String),
    client_secret: Schema.optionalKey(Schema.String),
    private_key_pem: Schema.optionalKey(Schema.String),
    signing_algorithm: Schema.optionalKey(Schema.String),
    valid_jwt: Schema.optionalKey(Schema.String),
    idp_client_id: Schema.optionalKey(Schema.String),
    idp_id_token: Schema.optionalKey(Schema.String),
    idp_token_endpoint: Schema.optionalKey(Schema.String),
    toolCalls: Schema.optionalKey(
      Schema.Array(
        Schema.Struct({ name: Schema.String, arguments: Schema.Record(Schema.String, Schema.Json) })
      )
    )
  })
)
const context = Option.getOrElse(
  Schema.decodeUnknownOption(Context)(process.env["MCP_CONFORMANCE_CONTEXT"]),
  () => ({}) as typeof Context.Type
)

/** What a user would write into the configuration for each scenario, besides the client that it names. */
const byScenario: Readonly<Record<string, Readonly<Record<string, unknown>>>> = {
  "auth/basic-cimd": { client_metadata_url: "https://conformance-test.local/client-metadata.json" },
  "auth/client-credentials-basic": { grant_type: "client_credentials" },
  "auth/client-credentials-jwt": {
    grant_type: "client_credentials",
    private_key: context.private_key_pem,
    signing_algorithm: context.signing_algorithm
  },
  "auth/wif-jwt-bearer": { grant_type: "jwt_bearer", assertion: context.valid_jwt },
  "auth/enterprise-managed-authorization": {
    grant_type: "enterprise_managed",
    identity_provider: {
      token_url: context.idp_token_endpoint,
      client_id: context.idp_client_id,
      subject_token: context.idp_id_token
    }
  }
}

// The suite runs many clients at once, and some of them are known by their redirect URI: each has its own port, below those
// that the system gives to the suite's servers.
const port = 20_000 + (process.pid % 12_000)
const oauth = {
  client_id: context.client_id,
  client_secret: context.client_secret,
  redirect_uri: `http://localhost:${port}/callback`,
  ...byScenario[scenario]
}

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
      Effect.forkDetach(Effect.promise(() => followRedirects(address.href).catch(() => undefined)))
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
      over({ [here]: { mcpServers: { server: { url, oauth } } } })
    )
  ),
  Layer.provideMerge(Live.WireLive.layer)
)

/** What each tool is called with, where it takes anything. */
const argumentsOf = (name: string): Readonly<Record<string, Schema.Json>> =>
  context.toolCalls?.find((call) => call.name === name)?.arguments ??
  (name === "add_numbers" ? { a: 5, b: 3 } : {})

/** What every scenario wants seen: the list of tools, and each of them called. */
const useTools = Effect.gen(function* () {
  const server = yield* Configuration.use((configuration) => configuration.server("server"))
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
  const server = yield* Configuration.use((configuration) => configuration.server("server"))
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
