// node examples/web-server/main.ts
// A web server that uses an MCP server for each of its users. Start any number of replicas over one database.

import { createHash, randomBytes } from "node:crypto"
import { createServer } from "node:http"
import * as NodeHttpServer from "@effect/platform-node/NodeHttpServer"
import * as NodeRuntime from "@effect/platform-node/NodeRuntime"
import { Client, StreamableHTTPClientTransport } from "@modelcontextprotocol/client"
import { Config, Duration, Effect, Layer, Option, Schema } from "effect"
import { HttpRouter, HttpServerRequest, HttpServerResponse, UrlParams } from "effect/http"
import {
  type AccessTokens,
  AuthorizedHttp,
  ClientIdentity,
  defaultTokenPolicy,
  remoteServer,
  SignIn,
  SignInRequired,
  SignOut,
  TokenPolicy
} from "mcp-cli-oauth"
import { authorizedFetch } from "mcp-cli-oauth/http"
import { WebLive } from "mcp-cli-oauth/web"
import * as Database from "./Database.ts"
import * as LeaseLock from "./LeaseLock.ts"
import * as PendingSignIns from "./PendingSignIns.ts"
import * as SqliteRegistrations from "./SqliteRegistrations.ts"
import * as SqliteStore from "./SqliteStore.ts"

const settings = Config.all({
  port: Config.Int("PORT").pipe(Config.withDefault(3000)),
  /** Where browsers reach the replicas. The authorization server sends them to `/callback` there. */
  publicUrl: Config.URL("PUBLIC_URL"),
  mcpUrl: Config.URL("MCP_URL"),
  database: Config.String("DATABASE").pipe(Config.withDefault("web-server.sqlite")),
  /** 32 bytes in base64: `openssl rand -base64 32`. */
  key: Config.schema(
    Schema.RedactedFromValue(Schema.String.check(Schema.isPattern(/^[A-Za-z0-9+/]{43}=$/))),
    "STORE_KEY"
  ),
  /** How long a replica uses a credential before it reads the database again. */
  holdFor: Config.Duration("HOLD_FOR").pipe(Config.withDefault(Duration.minutes(1)))
})
type Settings = Config.Success<typeof settings>

/** Sign-in, sign-out and access tokens, without a user at this machine. */
const signingIn = ({ database, holdFor, key }: Settings) =>
  Layer.merge(SignOut.layer, PendingSignIns.layer).pipe(
    Layer.provideMerge(WebLive.services),
    // Replaces the registrations of WebLive, which only the users of one process share.
    Layer.provide(SqliteRegistrations.layer),
    Layer.provide(WebLive.layer),
    Layer.provide(Layer.merge(SqliteStore.layer, LeaseLock.layer())),
    Layer.provide(Database.layer({ file: database, key })),
    Layer.provide(Layer.succeed(TokenPolicy, { ...defaultTokenPolicy, holdFor })),
    Layer.provide(Layer.succeed(ClientIdentity, { name: "Example web server" }))
  )

const text = (status: number, line: string) => HttpServerResponse.text(`${line}\n`, { status })

/** The answer for an error. The messages of the library contain no secret. */
const answerError = (error: { readonly _tag: string; readonly message: string }) => {
  switch (error._tag) {
    case "SignInRequired":
      return Effect.succeed(text(401, "Not connected. Open /connect in a browser."))
    case "SignInRefused":
    case "CallbackRejected":
    case "PendingSignInError":
      return Effect.succeed(text(400, error.message))
    default:
      return Effect.as(Effect.logError(error.message), text(502, "The MCP server cannot be used now."))
  }
}

/** The user's session. A product has its own login, and its own user id; here a random cookie stands for both. */
const currentSession = Effect.map(HttpServerRequest.HttpServerRequest, ({ cookies }) => cookies["session"])
/** The database names accounts, and must not contain the cookie. */
const accountOf = (session: string) => createHash("sha256").update(session).digest("hex")

/** The routes of one MCP server. */
const routes = ({ mcpUrl, publicUrl }: Settings) =>
  HttpRouter.use(
    Effect.fnUntraced(function* (router) {
      const signIn = yield* SignIn.SignIn
      const signOut = yield* SignOut.SignOut
      const pendingSignIns = yield* PendingSignIns.PendingSignIns
      const http = yield* AuthorizedHttp.AuthorizedHttp
      const server = remoteServer(mcpUrl, { name: "mcp" })
      const redirectUri = new URL("/callback", publicUrl)

      /** The user who sends the request, as an account of the MCP server. */
      const account = Effect.gen(function* () {
        const session = yield* currentSession
        if (session === undefined) {
          return yield* new SignInRequired({ server: server.name, why: "never signed in" })
        }
        return accountOf(session)
      })

      const connect = Effect.gen(function* () {
        const session = (yield* currentSession) ?? randomBytes(32).toString("base64url")
        const pending = yield* signIn.begin({ server, account: accountOf(session), redirectUri })
        yield* pendingSignIns.put(pending)
        // With SameSite=Strict the browser would not send the cookie with the callback.
        return HttpServerResponse.redirect(pending.url, { status: 303 }).pipe(
          HttpServerResponse.setCookieUnsafe("session", session, {
            httpOnly: true,
            sameSite: "lax",
            secure: publicUrl.protocol === "https:",
            path: "/"
          })
        )
      })

      const callback = Effect.gen(function* () {
        const request = yield* HttpServerRequest.HttpServerRequest
        const parameters = new URL(request.url, publicUrl).searchParams
        const pending = yield* pendingSignIns.take(yield* account, parameters.get("state") ?? "")
        if (Option.isNone(pending)) {
          return text(400, "This browser did not begin this sign-in, or it has been completed.")
        }
        yield* signIn.complete(pending.value, parameters, { server })
        return HttpServerResponse.redirect("/tools", { status: 303 })
      })

      const tools = Effect.gen(function* () {
        const fetch = yield* Effect.provideService(
          authorizedFetch(server, yield* account),
          AuthorizedHttp.AuthorizedHttp,
          http
        )
        const client = new Client({ name: "example-web-server", version: "1.0.0" })
        const { tools } = yield* Effect.tryPromise({
          try: async () => {
            await client.connect(new StreamableHTTPClientTransport(server.url, { fetch }))
            return await client.listTools()
          },
          // The SDK rejects with the error of `fetch`, such as `SignInRequired`.
          catch: (cause) => cause as AccessTokens.AccessTokenError
        }).pipe(Effect.ensuring(Effect.promise(() => client.close())))
        return HttpServerResponse.jsonUnsafe(tools.map(({ name }) => name))
      })

      // SameSite=Lax keeps the cookie out of POST requests of other sites.
      const disconnect = Effect.gen(function* () {
        yield* signOut.logout(server, yield* account)
        return HttpServerResponse.empty({ status: 204 })
      })

      yield* router.add("GET", "/connect", connect.pipe(Effect.catch(answerError)))
      yield* router.add("GET", "/callback", callback.pipe(Effect.catch(answerError)))
      yield* router.add("GET", "/tools", tools.pipe(Effect.catch(answerError)))
      yield* router.add("POST", "/disconnect", disconnect.pipe(Effect.catch(answerError)))
    })
  )

const app = Layer.unwrap(
  Effect.map(settings, (settings) =>
    // The logger would write the code of a callback, which is part of its URL.
    HttpRouter.serve(routes(settings), { disableLogger: true }).pipe(
      Layer.provide(Layer.succeed(UrlParams.CurrentRedactedNames, ["code", "state"])),
      Layer.provide(signingIn(settings)),
      Layer.provide(NodeHttpServer.layer(createServer, { port: settings.port, host: "127.0.0.1" }))
    )
  )
)

NodeRuntime.runMain(Layer.launch(app))
