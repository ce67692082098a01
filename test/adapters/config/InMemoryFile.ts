import { resolve } from "node:path"
import * as NodePath from "@effect/platform-node/NodePath"
import { ByteSize, ConfigProvider, Effect, FileSystem, Layer, Option } from "effect"
import * as ConfigurationFile from "../../../src/adapters/config/ConfigurationFile.ts"
import type { RemoteServer, Server } from "../../../src/domain/Server.ts"
import { Configuration, type ConfigurationIssue } from "../../../src/ports/Configuration.ts"

/** Where the program looks first. */
export const here = resolve("server_config.json")

/** The environment of a configuration. */
export interface Options {
  /** `--config-file`. */
  readonly path?: string
  readonly env?: Record<string, string>
  /** Permissions of every file. */
  readonly mode?: number
  /** Paths as Windows writes them. */
  readonly windows?: boolean
  readonly onRead?: (path: string) => void
}

const info = (mode: number): FileSystem.File.Info => ({
  type: "File",
  mtime: Option.none(),
  atime: Option.none(),
  birthtime: Option.none(),
  dev: 0n,
  ino: Option.none(),
  mode,
  nlink: Option.none(),
  uid: Option.none(),
  gid: Option.none(),
  rdev: Option.none(),
  size: ByteSize.zero,
  blksize: Option.none(),
  blocks: Option.none()
})

/** The configuration over files in memory. Content that is not a string is written as JSON. */
export const over = (files: Readonly<Record<string, unknown>>, options: Options = {}) => {
  const layer = ConfigurationFile.layer({ path: Option.fromUndefinedOr(options.path) }).pipe(
    Layer.provide(
      Layer.merge(
        options.windows === true ? NodePath.layerWin32 : NodePath.layerPosix,
        FileSystem.layerNoop({
          exists: (path) => Effect.succeed(Object.hasOwn(files, path)),
          readFileString: (path) =>
            Effect.sync(() => {
              options.onRead?.(path)
              const content = files[path]
              return typeof content === "string" ? content : JSON.stringify(content)
            }),
          stat: () => Effect.succeed(info(options.mode ?? 0o100600))
        })
      )
    )
  )
  return Layer.merge(
    layer,
    ConfigProvider.layer(ConfigProvider.fromEnv({ env: { HOME: "/home/ann", ...options.env } }))
  )
}

/** Runs an effect with `./server_config.json`. */
export const withFile =
  (content: unknown, options?: Options) =>
  <A, E>(effect: Effect.Effect<A, E, Configuration>) =>
    Effect.provide(effect, over({ [here]: content }, options))

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

/** The one server of a file, named `s`, as it is used. */
export const serverOf = (entry: unknown, options?: Options): Effect.Effect<Server, unknown> =>
  Configuration.use(({ server }) => server("s")).pipe(withFile({ mcpServers: { s: entry } }, options))

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
