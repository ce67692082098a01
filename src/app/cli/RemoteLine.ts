import { Effect, FileSystem, Path, Predicate, Result } from "effect"
import { md5 } from "effect/crypto/Digest"
import * as Hex from "effect/encoding/Hex"
import {
  filesOfRemoteLine,
  readRemoteLine,
  type RemoteCommandLine,
  type RemoteOptions,
  signInLineOf
} from "../../domain/RemoteCommandLine.ts"
import { advice, type Remediable, type Remedy } from "../../domain/Remedy.ts"
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

const linesIn =
  (server: string, line: ReturnType<typeof signInLineOf>) =>
  ({ message, remedies }: Remediable): Remediable => {
    const isOurs = (remedy: Remedy) =>
      remedy._tag === "Command" && remedy.verb === "auth login" && remedy.server === server
    const { variables, words } = line
    return {
      message,
      remedies: remedies.some(isOurs)
        ? [
            ...remedies.map((remedy) => (isOurs(remedy) ? { ...remedy, line: words } : remedy)),
            ...(variables.length === 0
              ? []
              : [advice(`Before that, set ${listed(variables)} to what the command line of the proxy has.`)])
          ]
        : remedies
    }
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
      server.name,
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
