import { Effect, Layer } from "effect"
import { isReady } from "../../domain/ConfiguredServer.ts"
import type { RemoteServer } from "../../domain/Server.ts"
import { ConfigurationError } from "../../ports/Configuration.ts"
import { ServerDecoder } from "../../ports/ServerDecoder.ts"
import { Field } from "./Cursor.ts"
import { homeVariable } from "../../domain/HomeVariable.ts"
import { variable } from "./EnvironmentVariables.ts"
import { type Access, Findings } from "./Findings.ts"
import { readServer } from "./ServerEntry.ts"

/**
 * Decodes one entry of `mcpServers`, as `server_config.json` contains it, without a file.
 *
 * **Details**
 *
 * The rules and errors are those of the file. The paths of errors start with `mcpServers` and the name. Unknown fields
 * are logged as warnings. A server with a `command` is an error: it needs no OAuth.
 *
 * **Gotchas**
 *
 * By default the JSON may come from another user, such as a form or a database of tenants: an environment variable
 * (`${NAME}`) or the path of a file is an error, because the author could send its content to a server of their own.
 * With `trusted`, both are used as in the file: variables by the current `ConfigProvider`, and `~` by `HOME` or
 * `USERPROFILE`. The URL is not restricted to public addresses in either case.
 */
export const serverFromJson = Effect.fn("serverFromJson")(function* (
  name: string,
  json: unknown,
  options: { readonly trusted?: boolean } = {}
): Effect.fn.Return<RemoteServer, ConfigurationError> {
  const home = Effect.orElseSucceed(homeVariable, () => "~")
  const access: Access =
    options.trusted === true ? { variable, home, wasFound: false, withoutSecrets: true } : "refused"
  const findings = new Findings(access)
  const entry = new Field(findings, ["mcpServers", name], json)
  const server = yield* readServer(entry, name)
  if (server?._tag === "Stdio") entry.error("has a command, and must have a url")
  if (server?._tag !== "Http" || findings.issues.length > 0) {
    return yield* new ConfigurationError({ issues: findings.issues })
  }
  if (!isReady(server)) return yield* Effect.die(new Error("a secret was not refused"))
  for (const { location, message } of findings.warnings) yield* Effect.logWarning(`${location} ${message}`)
  return server
})

/** @see ServerDecoder */
export const decoderLayer: Layer.Layer<ServerDecoder> = Layer.succeed(
  ServerDecoder,
  ServerDecoder.of({ decode: (name, entry) => serverFromJson(name, entry, { trusted: true }) })
)
