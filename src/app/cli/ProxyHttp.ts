import { Config, Effect, identity, Option, Redacted } from "effect"
import { Flag } from "effect/cli"
import { CredentialKey } from "../../domain/CredentialKey.ts"
import { advice, type Remediable } from "../../domain/Remedy.ts"
import type { RemoteServer, Server } from "../../domain/Server.ts"
import { Configuration } from "../../ports/Configuration.ts"
import { Display } from "../../ports/Display.ts"
import type { LocalListener, LocalPlace } from "../../ports/LocalListener.ts"
import type { McpForwarder } from "../../ports/McpForwarder.ts"
import type { McpWire } from "../../ports/McpWire.ts"
import { ProxyBearers } from "../../ports/ProxyBearers.ts"
import type { ServerSecrets } from "../../ports/ServerSecrets.ts"
import type { ServerDecoder } from "../../ports/ServerDecoder.ts"
import type { AuthorizedHttp } from "../http/AuthorizedHttp.ts"
import { type Served, serveHttp } from "../proxy/http/HttpProxy.ts"
import { AccessTokens } from "../tokens/AccessTokens.ts"
import { resolvedName } from "./Arguments.ts"
import type { JsonOutput } from "./JsonOutput.ts"
import { print, printJsonLine, tell, tellError, tellWarning } from "./Output.ts"
import { type RemoteLine, remoteLineOf } from "./RemoteLine.ts"
import { errorLine, errorText } from "./RemedyText.ts"
import { Account, configFileOfRun, Json } from "./Settings.ts"
import { UsageError } from "./UsageError.ts"
import { usableServer } from "./UsableServer.ts"
import { showWarnings } from "./Warnings.ts"

/** The path of a server that is served alone. */
const onlyPath = "/mcp"

/** What bearers of all servers are stored as: no server has an empty name. */
const bearerOfAll = "@all"

/** The bearer that the user has chosen. */
const bearerVariable = "MCP_CLI_PROXY_BEARER"

/** `b64token` of RFC 6750 §2.1, of at least 192 bits in base64. */
const isGoodBearer = (text: string): boolean => /^[A-Za-z0-9._~+/-]{32,}=*$/.test(text)

/** The flags of `mcp-cli proxy` that make it serve HTTP. */
export const proxyHttpFlags = {
  port: Flag.Int("port").pipe(
    Flag.withMetavar("PORT"),
    Flag.withDescription("Serve HTTP at this port of 127.0.0.1 and ::1; 0: a free one"),
    Flag.filter(
      (port) => port >= 0 && port <= 65_535,
      () => "Expected a port, from 0 to 65535"
    ),
    Flag.optional
  ),
  socket: Flag.String("socket").pipe(
    Flag.withMetavar("PATH"),
    Flag.withDescription("Serve HTTP at a Unix socket that only you can open"),
    Flag.optional
  ),
  all: Flag.Boolean("all").pipe(
    Flag.withDescription("Serve every remote server of the configuration, each at /NAME"),
    Flag.withDefault(false)
  ),
  allowedOrigins: Flag.String("allow-origin").pipe(
    Flag.withMetavar("ORIGIN"),
    Flag.withDescription(
      "Let the web pages of this origin use it, as https://app.example.com (may be repeated)"
    ),
    Flag.atLeast(0)
  ),
  needsBearer: Flag.Boolean("no-bearer").pipe(
    Flag.withDescription("Serve every program of this user, without a bearer token"),
    Flag.withDefault(false),
    Flag.map((isWithout) => !isWithout)
  ),
  newBearer: Flag.Boolean("new-bearer").pipe(
    Flag.withDescription("Make a new bearer token, and show it"),
    Flag.withDefault(false)
  )
}

/** The values of {@link proxyHttpFlags}. */
export interface ProxyHttpArguments {
  readonly name: Option.Option<string>
  /** The rest of a command line of mcp-remote. */
  readonly line: ReadonlyArray<string>
  /** For a proxy over stdio. */
  readonly timeout: Option.Option<number>
  readonly port: Option.Option<number>
  readonly socket: Option.Option<string>
  readonly all: boolean
  readonly allowedOrigins: ReadonlyArray<string>
  readonly needsBearer: boolean
  readonly newBearer: boolean
}

const usage = (problem: string, ...fixes: ReadonlyArray<string>) =>
  new UsageError({ problem, remedies: fixes.map(advice) })

/** True if the arguments say how HTTP is served. */
export const isForHttp = ({ allowedOrigins, needsBearer, newBearer }: ProxyHttpArguments): boolean =>
  allowedOrigins.length > 0 || !needsBearer || newBearer

/** Those arguments without a place: a proxy over stdio must not pass over them in silence. */
export const httpNotAsked = usage(
  "--allow-origin, --no-bearer and --new-bearer are for a proxy over HTTP.",
  "Add --port PORT, --socket PATH or --all."
)

const placeOf = ({ port, socket }: ProxyHttpArguments): Effect.Effect<LocalPlace, UsageError> => {
  if (Option.isSome(socket)) {
    if (Option.isSome(port)) return Effect.fail(usage("Give either --port or --socket."))
    return Effect.succeed({ _tag: "Socket", path: socket.value })
  }
  return Effect.succeed({ _tag: "Port", port: Option.getOrElse(port, () => 0) })
}

const originsOf = (given: ReadonlyArray<string>) =>
  Effect.map(
    Effect.forEach(given, (text) => {
      const url = URL.parse(text)
      return url !== null && url.origin === text.toLowerCase() && /^https?:$/.test(url.protocol)
        ? Effect.succeed(url.origin)
        : usage(
            `--allow-origin ${text} is not the origin of a web page.`,
            "Write it as a browser does, without a path: https://app.example.com or http://localhost:3000."
          )
    }),
    (origins) => new Set(origins)
  )

/** The services of a proxy over HTTP. */
export type HttpProxyServices =
  | AccessTokens
  | AuthorizedHttp
  | Configuration
  | LocalListener
  | McpForwarder
  | McpWire
  | ProxyBearers
  | ServerDecoder
  | ServerSecrets

/** What programs show, and the bearer if it was made now. Absent check: they show none. */
const bearerOf = Effect.fnUntraced(function* (args: ProxyHttpArguments, purpose: string) {
  const bearers = yield* ProxyBearers
  const chosen = Option.filter(
    yield* Effect.orElseSucceed(Config.option(Config.String(bearerVariable)), () => Option.none()),
    (text) => text !== ""
  )
  if (!args.needsBearer) {
    if (Option.isNone(chosen) && !args.newBearer) return { check: undefined, made: undefined }
    return yield* usage(`--no-bearer goes with neither --new-bearer nor ${bearerVariable}.`)
  }
  if (Option.isSome(chosen)) {
    if (args.newBearer) {
      return yield* usage(`${bearerVariable} is set, and is the bearer. Leave out --new-bearer.`)
    }
    if (isGoodBearer(chosen.value)) {
      return { check: bearers.checkOf(Redacted.make(chosen.value)), made: undefined }
    }
    return yield* usage(
      `${bearerVariable} must have 32 characters or more, of A-Z a-z 0-9 - . _ ~ + /.`,
      "Make one with: openssl rand -base64 32"
    )
  }
  const stored = args.newBearer ? Option.none() : yield* bearers.find(purpose)
  if (Option.isSome(stored)) return { check: stored.value, made: undefined }
  // Elsewhere the output is a log, where a secret must not be.
  if (!(yield* Json) && (yield* Display).columns === undefined) {
    return yield* usage(
      "There is no bearer token yet, and a new one is shown only at a terminal or with --json.",
      `Set ${bearerVariable} to one of yours, or run the command once at a terminal.`,
      "To serve every program of this user, add --no-bearer."
    )
  }
  const made = yield* bearers.create(purpose)
  return { check: bearers.checkOf(made), made }
})

interface ServedServer {
  readonly name: string
  readonly path: string
  readonly served: Served
  /** Names the command that signs in as the command line does. */
  readonly withLine?: RemoteLine["withLine"]
  readonly way?: RemoteLine["way"]
}

const isRemote = (server: ServedServer): server is ServedServer & { readonly served: RemoteServer } =>
  server.served._tag === "Http"

/** A server that can be served: a remote one that a URL can name. */
const servable = Effect.fnUntraced(function* (server: Server, path: string) {
  const { name } = server
  if (server._tag === "Stdio") {
    return yield* usage(`${name} is a program on this machine. Only remote servers are served over HTTP.`)
  }
  if (/^\/\.{1,2}$/.test(path)) return yield* usage(`No URL has the path ${path}: give ${name} another name.`)
  return server
})

/** Every server of the configuration. One that cannot be served does not affect the others. */
const allServed = Effect.gen(function* () {
  const configuration = yield* Configuration
  const listed = yield* configuration.servers
  const configFile = yield* configFileOfRun
  const refuse = Effect.fnUntraced(function* (name: string, path: string, error: Remediable) {
    if (!(yield* Json))
      yield* tellWarning(`${name} is not served.`, ...errorText(error, configFile).split("\n"))
    return { name, path, served: { _tag: "Refused", error } } satisfies ServedServer
  })
  const all = yield* Effect.forEach(listed, ({ name }) => {
    const path = `/${encodeURIComponent(name)}`
    return usableServer(name).pipe(
      Effect.flatMap((server) => servable(server, path)),
      Effect.map((served): ServedServer => ({ name, path, served })),
      Effect.catch((error) => refuse(name, path, error))
    )
  })
  if (all.some(isRemote)) return all
  return yield* usage(`${yield* configuration.file} has no server that can be served over HTTP.`)
})

const oneServed = Effect.fnUntraced(function* (given: string) {
  const name = yield* resolvedName(given)
  yield* showWarnings(name)
  const server = yield* usableServer(name)
  return [{ name, path: onlyPath, served: yield* servable(server, onlyPath) } satisfies ServedServer]
})

/** A server by the command line of mcp-remote. */
const remoteServed = Effect.fnUntraced(function* (line: ReadonlyArray<string>) {
  const { notices, options, server, way, withLine } = yield* remoteLineOf(line)
  if (options.ignoredTools.length > 0) {
    return yield* usage("--ignore-tool is for a proxy over stdio: over HTTP the messages pass unread.")
  }
  yield* Effect.forEach(notices, (notice) => tellWarning(notice))
  const served = yield* servable(server, onlyPath)
  return [{ name: server.name, path: onlyPath, served, way, withLine } satisfies ServedServer]
})

const servedOf = ({ all, line, name }: ProxyHttpArguments) => {
  if (all) return Option.isSome(name) ? usage("Give either the name of a server or --all.") : allServed
  if (Option.isNone(name)) return usage("Name a server, or serve every one with --all.")
  return line.length === 0 ? oneServed(name.value) : remoteServed([name.value, ...line])
}

const baseOf = (at: LocalPlace): string =>
  at._tag === "Port" ? `http://127.0.0.1:${at.port}` : "http://localhost"

const announce = Effect.fnUntraced(function* (
  at: LocalPlace,
  servers: ReadonlyArray<ServedServer>,
  made: Redacted.Redacted | undefined,
  needsBearer: boolean
) {
  const urls = servers.filter(isRemote).map(({ name, path }) => ({ name, url: `${baseOf(at)}${path}` }))
  if (yield* Json) {
    return yield* printJsonLine({
      port: at._tag === "Port" ? at.port : null,
      socket: at._tag === "Socket" ? at.path : null,
      servers: urls,
      bearer: made === undefined ? null : Redacted.value(made)
    } satisfies JsonOutput<"proxy">)
  }
  const where = at._tag === "Socket" ? `, at the socket ${at.path}` : ""
  yield* tell(...urls.map(({ name, url }) => `Serving ${name} at ${url}${where}`))
  if (made !== undefined) {
    yield* tell("Clients send this header. It is shown only now; --new-bearer makes another one.")
    yield* print(`Authorization: Bearer ${Redacted.value(made)}`)
  } else if (needsBearer) {
    yield* tell("Clients send their bearer token. If it is lost, --new-bearer makes another one.")
  } else {
    yield* tellWarning("every program that you run can use it, because of --no-bearer.")
  }
})

/**
 * `mcp-cli proxy --port`: serves MCP servers over HTTP until a signal ends it, for clients that do not sign in. A request that
 * needs a sign-in is answered with an error that names the command.
 */
export const proxyHttp = Effect.fn("cli.proxy.http")(function* (args: ProxyHttpArguments) {
  if (Option.isSome(args.timeout)) {
    return yield* usage(
      "--timeout is for a proxy over stdio: over HTTP the client ends a request that takes too long."
    )
  }
  const place = yield* placeOf(args)
  const origins = yield* originsOf(args.allowedOrigins)
  const servers: ReadonlyArray<ServedServer> = yield* servedOf(args)
  const account = Option.getOrUndefined(yield* Account)
  const purpose = args.all ? bearerOfAll : CredentialKey.of(servers[0]?.name ?? "", account).storageName
  const { check, made } = yield* bearerOf(args, purpose)
  const configFile = yield* configFileOfRun
  const json = yield* Json
  const display = yield* Display
  const { way, withLine = identity } = servers[0] ?? {}
  const tellProblem = (error: Remediable) =>
    json
      ? Effect.void
      : Effect.provideService(tellError(withLine(error), configFile, "mcp-cli: warning:"), Display, display)
  const at = yield* serveHttp({
    place,
    origins,
    isBearer: check,
    account,
    ...(way === undefined ? {} : { way }),
    served: new Map(servers.map(({ path, served }) => [path, served])),
    textOf: (error) => errorLine(withLine(error), configFile),
    tell: tellProblem
  })
  yield* announce(at, servers, made, args.needsBearer)
  const [only] = args.all ? [] : servers
  if (only !== undefined && isRemote(only)) {
    // Unlocks the store while the user is still here, and says early that a sign-in is missing.
    yield* AccessTokens.use((tokens) => tokens.getIfKnown({ server: only.served, account })).pipe(
      Effect.catch(tellProblem),
      Effect.forkScoped
    )
  }
  return yield* Effect.never
}, Effect.scoped)
