import { Effect, type Layer, Option } from "effect"
import { Argument, Command, Flag } from "effect/cli"
import type { ConfigurationError } from "../../ports/Configuration.ts"
import type { StorageError } from "../../ports/CredentialStore.ts"
import { remoteLineArgument } from "./Arguments.ts"
import { httpNotAsked, type HttpProxyServices, isForHttp, proxyHttp, proxyHttpFlags } from "./ProxyHttp.ts"
import { proxyStdio, type StdioProxyServices } from "./ProxyStdio.ts"

/**
 * `mcp-cli proxy NAME`
 *
 * @param stdio what a proxy over stdin and stdout needs
 * @param http what one over HTTP needs
 */
export const proxy = <R>(
  stdio: () => StdioProxyServices<R>,
  http: () => Layer.Layer<HttpProxyServices, ConfigurationError | StorageError, R>
) =>
  Command.make(
    "proxy",
    {
      name: Argument.String("NAME").pipe(
        Argument.withDescription("A server of the configuration (mcp-cli servers lists them), or a URL"),
        Argument.optional
      ),
      line: remoteLineArgument,
      authTimeout: Flag.Int("auth-timeout").pipe(
        Flag.withMetavar("SECONDS"),
        Flag.withDescription("How long a sign-in waits for the browser, as --callback-timeout"),
        Flag.filter(
          (seconds) => seconds > 0 && seconds <= 86_400,
          () => "Expected between 1 and 86400 seconds"
        ),
        Flag.optional
      ),
      timeout: Flag.Int("timeout").pipe(
        Flag.withMetavar("SECONDS"),
        Flag.withDescription(
          "Over stdio: how long the server may say nothing about a request (3600); 0: any time"
        ),
        Flag.filter(
          (seconds) => seconds >= 0 && seconds <= 2_000_000,
          () => "Expected between 0 and 2000000 seconds"
        ),
        Flag.optional
      ),
      ...proxyHttpFlags
    },
    Effect.fn("cli.proxy")(function* (args) {
      const isHttp = args.all || Option.isSome(args.port) || Option.isSome(args.socket)
      if (isHttp) return yield* Effect.provide(proxyHttp(args), http())
      if (isForHttp(args)) return yield* httpNotAsked
      return yield* proxyStdio(args, stdio())
    })
  ).pipe(
    Command.withDescription("Let MCP clients that do not sign in use a server, over stdio or HTTP"),
    Command.withExamples([
      {
        command: "mcp-cli proxy notion",
        description: "The command of a server in the list of an MCP client"
      },
      { command: "mcp-cli proxy notion --port 8700", description: "At http://127.0.0.1:8700/mcp" },
      { command: "mcp-cli proxy --all --port 8700", description: "Each server at /NAME" }
    ])
  )
