import { Cause, Effect, identity, type Layer, Option, Random } from "effect"
import { advice } from "../../domain/Remedy.ts"
import type { Configuration, ConfigurationError } from "../../ports/Configuration.ts"
import type { StorageError } from "../../ports/CredentialStore.ts"
import { Display } from "../../ports/Display.ts"
import { LocalClient, type OpenClient } from "../../ports/LocalClient.ts"
import type { McpWire } from "../../ports/McpWire.ts"
import type { RemoteServer } from "../../domain/Server.ts"
import type { ServerSecrets } from "../../ports/ServerSecrets.ts"
import type { ServerDecoder } from "../../ports/ServerDecoder.ts"
import type { BrowserOpenings } from "../../ports/BrowserOpenings.ts"
import type { Credentials } from "../credentials/Credentials.ts"
import type { AuthorizedHttp } from "../http/AuthorizedHttp.ts"
import { ignoringTools } from "../proxy/IgnoredTools.ts"
import type { MessageRule } from "../proxy/MessageRule.ts"
import { refuseAll, stdioProxy } from "../proxy/StdioProxy.ts"
import type { SignIn } from "../signin/SignIn.ts"
import type { AccessTokens } from "../tokens/AccessTokens.ts"
import { resolvedName } from "./Arguments.ts"
import { errorFormatOfRun, reported, reportError } from "./ErrorReport.ts"
import { tellError, tellWarning } from "./Output.ts"
import { type RemoteLine, remoteLineOf } from "./RemoteLine.ts"
import { errorLine } from "./RemedyText.ts"
import { Account, CallbackTimeout, configFileOfRun } from "./Settings.ts"
import { UsageError } from "./UsageError.ts"
import { usableServer } from "./UsableServer.ts"
import { showWarnings } from "./Warnings.ts"

/** The layers of a proxy over stdio. The client is there before the rest, so that an error of the rest reaches it. */
export interface StdioProxyServices<R> {
  readonly client: Layer.Layer<LocalClient, never, R>
  readonly server: Layer.Layer<
    | AccessTokens
    | AuthorizedHttp
    | Configuration
    | Credentials
    | McpWire
    | ServerDecoder
    | SignIn
    | BrowserOpenings
    | ServerSecrets,
    ConfigurationError | StorageError,
    R
  >
}

/** What the command line names: a server, and how it is proxied. */
interface Proxied {
  readonly server: RemoteServer
  readonly rules: ReadonlyArray<MessageRule>
  readonly way?: RemoteLine["way"]
  /** Names the command that signs in as the command line does. */
  readonly withLine?: RemoteLine["withLine"]
}

/** A server by the command line of mcp-remote. */
const remoteServer = Effect.fnUntraced(function* (line: ReadonlyArray<string>) {
  const { notices, options, server, way, withLine } = yield* remoteLineOf(line)
  const unused =
    options.pingSeconds === undefined
      ? []
      : ["--keep-alive has no effect here: the connection is watched by TCP."]
  for (const notice of [...notices, ...unused]) yield* tellWarning(notice)
  const rules = options.ignoredTools.length === 0 ? [] : [ignoringTools(options.ignoredTools)]
  return { server, rules, way, withLine } satisfies Proxied
})

/** A server of the configuration, or at a URL. */
const configuredServer = Effect.fnUntraced(function* (given: string) {
  const name = yield* resolvedName(given)
  yield* showWarnings(name)
  const server = yield* usableServer(name)
  if (server._tag === "Http") return { server, rules: [] } satisfies Proxied
  return yield* new UsageError({
    problem: `${name} is a program on this machine, which an MCP client can start itself.`
  })
})

const run = Effect.fnUntraced(function* ({ line, name, timeout }: StdioProxyArguments, client: OpenClient) {
  if (Option.isNone(name)) {
    return yield* new UsageError({
      problem: "No server is named.",
      remedies: [advice("Give its name or its URL, or serve every one over HTTP with --all.")]
    })
  }
  const {
    rules,
    server,
    way,
    withLine = identity
  }: Proxied = line.length === 0
    ? yield* configuredServer(name.value)
    : yield* remoteServer([name.value, ...line])
  const configFile = yield* configFileOfRun
  const display = yield* Display
  const account = Option.getOrUndefined(yield* Account)
  yield* stdioProxy({
    ...way,
    client,
    server,
    account,
    rules,
    silence: Option.getOrUndefined(Option.map(timeout, (seconds) => seconds * 1000)),
    prefix: `mcp-cli-${yield* Random.nextIntBetween(0, 2 ** 48)}-`,
    textOf: (error) => errorLine(withLine(error), configFile),
    tell: (error) => Effect.provideService(tellError(withLine(error), configFile), Display, display)
  })
})

/** What the command line says about a proxy over stdio. */
export interface StdioProxyArguments {
  readonly name: Option.Option<string>
  /** The rest of a command line of mcp-remote. */
  readonly line: ReadonlyArray<string>
  readonly authTimeout: Option.Option<number>
  /** Seconds that the server may say nothing about a request; 0: any time. */
  readonly timeout: Option.Option<number>
}

/**
 * `mcp-cli proxy NAME`: connects the MCP client that started this program with a server. An error that prevents that is the
 * answer to every request, since clients do not show what is on stderr.
 */
export const proxyStdio = <R>(args: StdioProxyArguments, services: StdioProxyServices<R>) =>
  Effect.gen(function* () {
    const client = yield* LocalClient.use(({ open }) => open)
    const configFile = yield* configFileOfRun
    const timeout = Option.getOrElse(args.authTimeout, () => undefined) ?? (yield* CallbackTimeout)
    yield* run(args, client).pipe(
      Effect.provide(services.server),
      Effect.provideService(CallbackTimeout, timeout),
      Effect.scoped,
      Effect.catchCause((cause) =>
        Effect.gen(function* () {
          const error = Cause.findErrorOption(cause)
          if (Option.isNone(error)) return yield* Effect.failCause(cause)
          // The client may keep this process for hours: tell the user now.
          yield* reportError(cause, yield* errorFormatOfRun)
          yield* refuseAll(client, errorLine(error.value, configFile))
          return yield* Effect.failCause(reported(cause))
        })
      )
    )
  }).pipe(Effect.scoped, Effect.provide(services.client))
