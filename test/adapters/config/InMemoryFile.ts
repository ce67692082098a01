import { resolve } from "node:path"
import * as NodePath from "@effect/platform-node/NodePath"
import { ByteSize, ConfigProvider, Effect, FileSystem, Layer, Option } from "effect"
import * as ConfigurationFile from "../../../src/adapters/config/ConfigurationFile.ts"
import type { RemoteServer, Server } from "../../../src/domain/Server.ts"
import { type ConfiguredServer, isReady } from "../../../src/domain/ConfiguredServer.ts"
import { Configuration, type ConfigurationIssue } from "../../../src/ports/Configuration.ts"
import { ConfigurationTrust, type RequireApproval } from "../../../src/ports/ConfigurationTrust.ts"

/** Where the program looks first. */
export const here = resolve("server_config.json")

/** The environment of a configuration. */
export interface Options {
  /** `--config-file`. */
  readonly path?: string
  /** A server may be named by its URL. */
  readonly acceptsUrls?: boolean
  /** The folder of the user's own file. Absent: `.mcp_cli` in `HOME`. */
  readonly home?: string
  readonly env?: Record<string, string>
  /** Permissions of every file. */
  readonly mode?: number
  /** Owner of every file. Absent: a system without owners. */
  readonly uid?: number
  /** Group of every file. */
  readonly gid?: number
  /** Owner and permissions of every folder. */
  readonly folder?: { readonly mode: number; readonly uid?: number }
  /** Where links point. */
  readonly links?: Readonly<Record<string, string>>
  /** Paths as Windows writes them. */
  readonly windows?: boolean
  readonly onRead?: (path: string) => void
  /** Absent: the user approves every file. */
  readonly requireApproval?: RequireApproval
}

const infoOf = (
  type: "File" | "Directory",
  {
    gid,
    mode,
    uid
  }: { readonly mode: number; readonly uid?: number | undefined; readonly gid?: number | undefined }
): FileSystem.File.Info => ({
  type,
  mtime: Option.none(),
  atime: Option.none(),
  birthtime: Option.none(),
  dev: 0n,
  ino: Option.none(),
  mode,
  nlink: Option.none(),
  uid: Option.fromUndefinedOr(uid),
  gid: Option.fromUndefinedOr(gid),
  rdev: Option.none(),
  size: ByteSize.zero,
  blksize: Option.none(),
  blocks: Option.none()
})

/** The configuration over files in memory. Content that is not a string is written as JSON. */
export const over = (files: Readonly<Record<string, unknown>>, options: Options = {}) => {
  const { folder = { mode: 0o40700 }, gid, links = {}, mode = 0o100600, uid } = options
  const info = infoOf("File", { mode, uid, gid })
  const layer = ConfigurationFile.layer({
    path: Option.fromUndefinedOr(options.path),
    searchesWorkingDirectory: true,
    acceptsUrls: options.acceptsUrls === true,
    ...(options.home === undefined ? {} : { home: options.home })
  }).pipe(
    // These tests are about the content. Trust.test.ts is about approvals.
    Layer.provide(Layer.succeed(ConfigurationTrust, options.requireApproval ?? (() => Effect.void))),
    Layer.provide(
      Layer.merge(
        options.windows === true ? NodePath.layerWin32 : NodePath.layerPosix,
        FileSystem.layerNoop({
          exists: (path) => Effect.succeed(Object.hasOwn(files, path)),
          realPath: (path) => Effect.succeed(links[path] ?? path),
          stat: (path) => Effect.succeed(Object.hasOwn(files, path) ? info : infoOf("Directory", folder)),
          // Reached for `/etc/group` alone.
          readFileString: (path) => Effect.succeed(typeof files[path] === "string" ? files[path] : ""),
          open: (path) =>
            Effect.sync(() => {
              options.onRead?.(path)
              const content = files[path]
              const text = typeof content === "string" ? content : JSON.stringify(content)
              const parts = [Option.some(new TextEncoder().encode(text)), Option.none()]
              return {
                stat: Effect.succeed(info),
                readAlloc: () => Effect.succeed(parts.shift() ?? Option.none())
              } as unknown as FileSystem.File
            })
        })
      )
    )
  )
  return Layer.merge(
    layer,
    ConfigProvider.layer(ConfigProvider.fromEnv({ env: { HOME: "/home/ann", ...options.env } }))
  )
}

/** Runs an effect with `./server_config.json`, which the user names. */
export const withFile =
  (content: unknown, options?: Options) =>
  <A, E>(effect: Effect.Effect<A, E, Configuration>) =>
    Effect.provide(effect, over({ [here]: content }, { path: here, ...options }))

const line = ({ location, message }: ConfigurationIssue) => `${location}: ${message}`

/** The errors of a whole file, one line each. */
export const errorsOf = (content: unknown, options?: Options) =>
  Configuration.use(({ invalid }) => invalid).pipe(
    Effect.map((issues): ReadonlyArray<string> => issues.map(line)),
    Effect.catchTag("ConfigurationError", ({ issues }) => Effect.succeed(issues.map(line))),
    withFile(content, options)
  )

/** The warnings of a file, one line each. */
export const warningsOf = (content: unknown, options?: Options) =>
  Configuration.use(({ warnings }) => warnings).pipe(
    Effect.map((warnings) => warnings.map(line)),
    withFile(content, options)
  )

/** The one server of a file, named `s`, as its entry configures it. */
export const configuredServerOf = (
  entry: unknown,
  options?: Options
): Effect.Effect<ConfiguredServer, unknown> =>
  Configuration.use(({ server }) => server("s")).pipe(withFile({ mcpServers: { s: entry } }, options))

/** The one server of a file, named `s`, as it is used. */
export const serverOf = (entry: unknown, options?: Options): Effect.Effect<Server, unknown> =>
  Effect.filterOrFail(configuredServerOf(entry, options), isReady, () => "refers to a secret")

/** As {@link serverOf}, for a server over HTTP. */
export const httpServerOf = (entry: unknown, options?: Options): Effect.Effect<RemoteServer, unknown> =>
  Effect.filterOrFail(
    serverOf(entry, options),
    (server): server is RemoteServer => server._tag === "Http",
    () => new Error("this is no HTTP server")
  )

/** The errors of using the one server of a file, one line each. */
export const useErrorsOf = (entry: unknown, options?: Options) =>
  Configuration.use(({ server }) => server("s")).pipe(
    Effect.as<ReadonlyArray<string>>([]),
    Effect.catchTag("ConfigurationError", ({ issues }) => Effect.succeed(issues.map(line))),
    withFile({ mcpServers: { s: entry } }, options)
  )
