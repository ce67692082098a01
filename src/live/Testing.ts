import { Effect, Layer } from "effect"
import * as PkceGenerator from "../adapters/oauth/PkceGenerator.ts"
import * as ScriptedAuthorizationServer from "../adapters/scripted/ScriptedAuthorizationServer.ts"
import * as ScriptedMcpServer from "../adapters/scripted/ScriptedMcpServer.ts"
import * as ScriptedUser from "../adapters/scripted/ScriptedUser.ts"
import * as MemoryClientRegistrations from "../adapters/store/memory/MemoryClientRegistrations.ts"
import * as Credentials from "../app/credentials/Credentials.ts"
import * as SignIn from "../app/signin/SignIn.ts"
import { remoteServer } from "../domain/RemoteServer.ts"
import type { RemoteServer } from "../domain/Server.ts"
import { services } from "./Services.ts"
import * as WebLive from "./WebLive.ts"

/** The scripted MCP server at its default address, as a configured server. */
export const server: RemoteServer = remoteServer("https://mcp.test/mcp", { name: "test" })

/** How the parts of the stack behave. */
export interface TestingOptions {
  readonly authorizationServer?: ScriptedAuthorizationServer.ScriptedOptions | undefined
  readonly mcpServer?: ScriptedMcpServer.ScriptedMcpOptions | undefined
  readonly user?: Parameters<typeof ScriptedUser.layer>[0]
  /** The servers that the store holds a sign-in for when the stack starts. True: {@link server}. */
  readonly signedIn?: boolean | ReadonlyArray<RemoteServer> | undefined
}

/** Signs in with a user and a process of its own, so that only the store and the servers know about it. */
const earlierSignIn = (servers: ReadonlyArray<RemoteServer>) =>
  Layer.effectDiscard(
    Effect.forEach(servers, (server) => SignIn.SignIn.use(({ signIn }) => signIn({ server })), {
      discard: true
    })
  ).pipe(
    // Its states must differ from those of the scripted user of the stack: each can be used once.
    Layer.provide(Layer.fresh(SignIn.layer.pipe(Layer.provide(PkceGenerator.layer)))),
    Layer.provide(Layer.fresh(Credentials.layer)),
    Layer.provide(ScriptedUser.layer()),
    Layer.orDie
  )

/**
 * The services of `McpAuth.layer` in memory, with a scripted authorization server, MCP server and user: no network, no
 * disk, and the time of the test clock.
 *
 * @example
 * it.effect("lists tools", () => program.pipe(Effect.provide(Testing.layer({ signedIn: true }))))
 */
export const layer = (options: TestingOptions = {}) => {
  const { signedIn = false } = options
  const servers = typeof signedIn === "boolean" ? (signedIn ? [server] : []) : signedIn
  return earlierSignIn(servers).pipe(
    Layer.merge(services.pipe(Layer.provideMerge(ScriptedUser.layer(options.user)))),
    Layer.provideMerge(Layer.merge(WebLive.memory, MemoryClientRegistrations.layer)),
    Layer.provideMerge(ScriptedMcpServer.layer(options.mcpServer)),
    Layer.provideMerge(ScriptedAuthorizationServer.layer(options.authorizationServer))
  )
}
