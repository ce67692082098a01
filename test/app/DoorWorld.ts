import { Duration, Effect, Layer } from "effect"
import * as MemoryLock from "../../src/adapters/lock/MemoryLock.ts"
import * as MemoryStore from "../../src/adapters/store/memory/MemoryStore.ts"
import * as AccessTokens from "../../src/app/tokens/AccessTokens.ts"
import * as AuthorizedHttp from "../../src/app/http/AuthorizedHttp.ts"
import * as Credentials from "../../src/app/credentials/Credentials.ts"
import * as SignIn from "../../src/app/signin/SignIn.ts"
import * as WireLive from "../../src/live/WireLive.ts"
import { Browser } from "../../src/ports/Browser.ts"
import { UserInteraction } from "../../src/ports/UserInteraction.ts"
import { type AuthorizationServerOptions, startAuthorizationServer } from "../servers/AuthorizationServer.ts"
import { type McpServerOptions, startMcpServer } from "../servers/McpServer.ts"
import { followRedirects } from "../servers/BrowserUser.ts"

/** A real authorization server and a real MCP server on loopback, for as long as the scope lives. */
export const realServers = (
  options: AuthorizationServerOptions & { readonly mcp?: Omit<McpServerOptions, "authorizationServer"> } = {}
) =>
  Effect.acquireRelease(
    Effect.promise(async () => {
      const authorizationServer = await startAuthorizationServer({ autoApprove: true, ...options })
      return {
        authorizationServer,
        mcpServer: await startMcpServer({ authorizationServer, ...options.mcp })
      }
    }),
    ({ authorizationServer, mcpServer }) =>
      Effect.promise(() => Promise.all([authorizationServer.close(), mcpServer.close()]))
  )

/** The live core on a store in memory, with a user who approves by following redirects. */
export const liveCore = AuthorizedHttp.layer.pipe(
  Layer.provideMerge(AccessTokens.layer),
  Layer.provide(SignIn.layer),
  Layer.provideMerge(Credentials.layer),
  Layer.provideMerge(
    Layer.mergeAll(
      MemoryStore.layer,
      MemoryLock.layer,
      Layer.succeed(Browser, {
        open: (url) => Effect.asVoid(Effect.forkDetach(Effect.promise(() => followRedirects(url.href))))
      }),
      Layer.mock(UserInteraction, {
        attention: Effect.void,
        present: true,
        timeout: Duration.seconds(30),
        askToSignIn: () => Effect.void,
        askToUseDevice: () => Effect.void,
        pastedRedirect: () => Effect.never,
        tell: () => Effect.void
      })
    )
  ),
  Layer.provideMerge(WireLive.layer)
)
