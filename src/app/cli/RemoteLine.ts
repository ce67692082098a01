import { Effect, FileSystem, Path, Predicate, Result } from "effect"
import { md5 } from "effect/crypto/Digest"
import * as Hex from "effect/encoding/Hex"
import {
  filesOfRemoteLine,
  readRemoteLine,
  type RemoteCommandLine,
  type RemoteOptions
} from "../../domain/RemoteCommandLine.ts"
import { signInLineOf } from "../../domain/SignInLine.ts"
import { advice, type Configure, type Remediable, type Remedy } from "../../domain/Remedy.ts"
import { hasSecretShape, isSecretName } from "../../domain/SecretShape.ts"
import type { RemoteServer } from "../../domain/Server.ts"
import type { Configuration, ConfigurationError } from "../../ports/Configuration.ts"
import type { OpenOptions } from "../../ports/McpWire.ts"
import { ServerDecoder } from "../../ports/ServerDecoder.ts"
import type { RevisionOptions } from "../revisions/AcrossRevisions.ts"
import { resolvedName } from "./Arguments.ts"
import { listed } from "./RemedyText.ts"
import { UsageError } from "./UsageError.ts"

/** The server that a command line of mcp-remote leads to, and how to proxy it. */
export interface RemoteLine {
  readonly server: RemoteServer
  readonly options: RemoteOptions
  /** How messages reach the server. */
  readonly way: OpenOptions & RevisionOptions
  /** What the user should know: sentences without secrets. */
  readonly notices: ReadonlyArray<string>
  /**
   * The same error, whose remedies sign in as this line does. A name alone would lead to another client, other scopes, or no
   * headers, and so to a sign-in that is of no use here.
   */
  readonly withLine: (error: Remediable) => Remediable
}

/** Where the command line says what a field of an entry says. Absent: nowhere. */
const flags: Readonly<Record<string, string>> = {
  Authorization: "--header",
  headers: "--header",
  url: "the URL",
  allow_http: "--allow-http",
  client_id: "client_id of --static-oauth-client-info",
  client_secret: "client_secret of --static-oauth-client-info",
  token_endpoint_auth_method: "token_endpoint_auth_method of --static-oauth-client-info",
  scopes: "scope of --static-oauth-client-metadata",
  redirect_uri: "the callback port, --host and --callback-path",
  client_metadata_url: "--client-metadata-url",
  extra_auth_params: "--authorize-param",
  send_resource: "--disable-resource-parameter",
  token_url: "--token-endpoint"
}

/** What to change of a server that no file has: the flags for it, or else an entry for the server. */
const changeOf = (remedy: Configure): ReadonlyArray<Remedy> => {
  const { action, fields, when } = remedy
  const known = Object.keys(fields).map((name) => flags[name])
  if (known.some((flag) => flag === undefined)) {
    return [remedy, advice("Then give its name to the proxy in place of the URL and its flags.")]
  }
  const what = `${action} ${listed(known.map(String))} in the command line of the proxy.`
  return [advice(when === undefined ? what.slice(0, 1).toUpperCase() + what.slice(1) : `If ${when}, ${what}`)]
}

const linesIn =
  (server: RemoteServer, line: ReturnType<typeof signInLineOf>) =>
  ({ message, remedies }: Remediable): Remediable => {
    const isOurs = (remedy: Remedy) =>
      remedy._tag === "Command" && remedy.verb === "auth login" && remedy.server === server.name
    const { variables, words } = line
    const changed = remedies.flatMap((remedy): ReadonlyArray<Remedy> => {
      if (isOurs(remedy)) return [{ ...remedy, line: words } as Remedy]
      const isOfEntry = remedy._tag === "Configure" && remedy.path[1] === server.name
      return isOfEntry ? changeOf(remedy) : [remedy]
    })
    const isMasked = variables.length > 0 && remedies.some(isOurs)
    const set = `Before that, set ${listed(variables)} to what the command line of the proxy has.`
    return { message, remedies: isMasked ? [...changed, advice(set)] : changed }
  }

const { implementation } = md5
const hashOf =
  implementation && ((text: string): string => Hex.encode(implementation(new TextEncoder().encode(text))))

const unreadable = () => new UsageError({ problem: "A file that the command line names cannot be read." })

/** A notice for each secret that stands in the command line, where other programs can read it. */
const exposedHeaders = ({ entry, headersOfFiles }: RemoteCommandLine): ReadonlyArray<string> =>
  Object.entries((entry["headers"] ?? {}) as Readonly<Record<string, string>>).flatMap(([name, value]) =>
    !headersOfFiles.includes(name) && !value.includes("${") && (isSecretName(name) || hasSecretShape(value))
      ? [
          `The value of ${name} can be read in the list of processes: write --header "${name}:\${VARIABLE}", and set that variable.`
        ]
      : []
  )

/**
 * Reads the words of a command line of mcp-remote as `mcp-cli proxy` takes them: the files that they name, the server, and the
 * options of the proxy. Variables in headers and in the client are read from the environment.
 *
 * @param line the words after `mcp-remote`, or after `mcp-cli proxy`
 */
export const remoteLineOf = Effect.fn("cli.remoteLine")(function* (
  line: ReadonlyArray<string>
): Effect.fn.Return<
  RemoteLine,
  UsageError | ConfigurationError,
  Configuration | FileSystem.FileSystem | Path.Path | ServerDecoder
> {
  const { readFileString } = yield* FileSystem.FileSystem
  const { resolve } = yield* Path.Path
  const files = yield* Effect.forEach(filesOfRemoteLine(line), (path) =>
    readFileString(path).pipe(
      Effect.mapError(unreadable),
      Effect.map((text) => [path, text] as const)
    )
  )
  const read = readRemoteLine(line, new Map(files), hashOf)
  if (Result.isFailure(read)) {
    const { flag, problem } = read.failure
    const what = flag === undefined ? "The URL of the server" : `--${flag}`
    return yield* new UsageError({ problem: `${what} ${problem}.` })
  }
  const { entry, notices, options, url } = read.success
  // The command that the user is told to sign in with names the server in the same way.
  const name = yield* resolvedName(url)
  const server = yield* ServerDecoder.use(({ decode }) => decode(name, entry))
  const oauth = entry["oauth"]
  const redirectUri = Predicate.hasProperty(oauth, "redirect_uri") ? String(oauth.redirect_uri) : undefined
  const { protocol, transport, withoutCookies } = options
  return {
    server,
    options,
    way: {
      bridge: protocol !== "legacy",
      cookies: withoutCookies !== true,
      ...(transport === undefined ? {} : { transport })
    },
    withLine: linesIn(
      server,
      signInLineOf(line, redirectUri, (path) => resolve(path))
    ),
    notices: [
      ...notices.map(({ flag, text }) =>
        flag === undefined ? `The command line ${text}.` : `--${flag} ${text}.`
      ),
      ...exposedHeaders(read.success)
    ]
  }
})
