import * as NodeFileSystem from "@effect/platform-node-shared/NodeFileSystem"
import * as NodePath from "@effect/platform-node-shared/NodePath"
import { Duration, Effect, Layer, Option, Redacted } from "effect"
import * as BrowserLive from "../adapters/browser/Browser.ts"
import * as ConfigurationFile from "../adapters/config/ConfigurationFile.ts"
import type { KeyringBackend } from "../adapters/store/keyring/KeyringName.ts"
import * as TerminalSecretPrompt from "../adapters/terminal/TerminalSecretPrompt.ts"
import * as TerminalUserInteraction from "../adapters/terminal/TerminalUserInteraction.ts"
import { remedyText } from "../app/cli/RemedyText.ts"
import * as ChosenStorage from "../app/storage/ChosenStorage.ts"
import type { ClientIdentitySettings } from "../domain/ClientMetadata.ts"
import type { Browser } from "../ports/Browser.ts"
import { ClientIdentity, defaultClientIdentity } from "../ports/ClientIdentity.ts"
import { Configuration, type ConfigurationError } from "../ports/Configuration.ts"
import type { StorageBackendName } from "../ports/StorageBackend.ts"
import { defaultUserTimeout, UserInteraction } from "../ports/UserInteraction.ts"
import { isUnattended } from "./Attendance.ts"
import { noUser } from "./NoUser.ts"
import { services } from "./Services.ts"
import { backends, choices, Home, homeFolder } from "./StorageLive.ts"
import * as WebLive from "./WebLive.ts"
import * as WireLive from "./WireLive.ts"

/** What a program may choose about its stack. Every part can be left out. */
export interface McpAuthOptions {
  /**
   * Where sign-ins are stored, always with the lock that goes with that place. `auto` (the default): where the CLI
   * stores them on this machine.
   */
  readonly store?: "auto" | Exclude<StorageBackendName, KeyringBackend> | undefined
  /**
   * The folder of sign-ins, locks and `server_config.json`. Absent: `~/.mcp_cli`, so that this program and the CLI share
   * sign-ins.
   */
  readonly home?: string | undefined
  /** Password of the encrypted files. Absent: from `tokenStorage`, `MCP_CLI_ENCRYPTION_KEY` or its file, or the terminal. */
  readonly password?: Redacted.Redacted | string | undefined
  /**
   * Who signs in. `terminal` (the default): the user at the terminal of this process, if it has one and this is not CI.
   * `none`: no user; a missing sign-in is an error. A layer: the program's own user interface.
   */
  readonly interaction?: "terminal" | "none" | Layer.Layer<UserInteraction> | undefined
  /** Opens the user's browser (the default is true). A layer: the program's own way to open one. */
  readonly browser?: boolean | Layer.Layer<Browser> | undefined
  /** How the product introduces itself on the consent screen and to servers. Absent: as mcp-cli. */
  readonly identity?: ClientIdentitySettings | undefined
  /** How long a sign-in waits for the user. Absent: 5 minutes. */
  readonly timeout?: Duration.Input | undefined
}

const userOf = ({ interaction = "terminal", timeout = defaultUserTimeout }: McpAuthOptions) => {
  if (interaction === "none") return noUser
  if (interaction !== "terminal") return interaction
  return Layer.unwrap(
    Effect.map(isUnattended, (unattended) =>
      TerminalUserInteraction.layer({
        presence: "terminal",
        opensBrowser: true,
        interactive: !unattended,
        unattended,
        timeout: Duration.fromInputUnsafe(timeout),
        remedyText: (remedy) => remedyText(remedy),
        messageLines: (lines) => lines
      })
    )
  )
}

const browserOf = ({ browser = true }: McpAuthOptions) => {
  if (typeof browser !== "boolean") return browser
  return browser ? BrowserLive.layer : BrowserLive.layerNone
}

/** The configuration in the folder, under what the program chooses itself. A server can be named by its URL. */
export const configurationOf = ({ home, password, store = "auto" }: McpAuthOptions) =>
  Layer.effect(
    Configuration,
    Effect.map(Configuration, (file) =>
      Configuration.of({
        ...file,
        keepsHistory: Effect.succeed(false),
        tokenStorage: Effect.map(file.tokenStorage, (settings) => ({
          ...settings,
          ...(store === "auto" ? {} : { backend: store }),
          ...(password === undefined
            ? {}
            : { password: typeof password === "string" ? Redacted.make(password) : password })
        }))
      })
    )
  ).pipe(
    Layer.provide(
      Layer.unwrap(
        Effect.map(Effect.provideService(homeFolder, Home, home), (folder) =>
          // What lies in the working directory of a program is no decision of its user.
          ConfigurationFile.layer({ path: Option.none(), acceptsUrls: true, home: folder })
        )
      )
    ),
    Layer.provide(Layer.merge(NodeFileSystem.layer, NodePath.layer))
  )

/** The store that is chosen and its lock: one owner for each rotating refresh token. */
const storageOf = (options: McpAuthOptions) =>
  options.store === "memory"
    ? WebLive.memory
    : ChosenStorage.layer.pipe(
        Layer.provide(Layer.merge(backends, choices)),
        Layer.provide(
          Layer.unwrap(
            Effect.map(isUnattended, (unattended) =>
              TerminalSecretPrompt.layer({ interactive: options.interaction !== "none" && !unattended })
            )
          )
        ),
        Layer.provide(configurationOf(options)),
        Layer.provide(Layer.succeed(Home, options.home))
      )

/**
 * The whole stack: access tokens, sign-in, sign-out, status, and HTTP that carries the token.
 *
 * **Details**
 *
 * By default it shares the sign-ins of the CLI: the same folders, the same locks, so each refresh token has one owner.
 * It fails with {@link ConfigurationError} if `server_config.json` in the folder is invalid. A store that cannot be opened
 * fails its first use with `StorageError`.
 *
 * @example
 * const program = Effect.flatMap(authorizedFetch(remoteServer("https://mcp.example.com/mcp")), useFetch)
 * Effect.runPromise(program.pipe(Effect.provide(McpAuth.layer())))
 */
export const layer = (options: McpAuthOptions = {}) =>
  services.pipe(
    // Fresh: another stack of this program may introduce itself as another product.
    Layer.provideMerge(Layer.merge(Layer.fresh(WireLive.layer), browserOf(options))),
    Layer.provideMerge(storageOf(options)),
    Layer.provideMerge(userOf(options)),
    Layer.provideMerge(Layer.succeed(ClientIdentity, options.identity ?? defaultClientIdentity))
  ) satisfies Layer.Layer<Layer.Success<typeof services>, ConfigurationError>
