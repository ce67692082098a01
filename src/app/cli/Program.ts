import { Effect, Layer, type Ref } from "effect"
import { CliConfig, CliError, Command, Flag, GlobalFlag } from "effect/cli"
import type { ChatModels } from "../../ports/ChatModels.ts"
import type { ClientFiles } from "../../ports/ClientFiles.ts"
import type { Configuration, ConfigurationError } from "../../ports/Configuration.ts"
import type { ConfigurationApprovals } from "../../ports/ConfigurationApprovals.ts"
import type { ConfigurationEditor } from "../../ports/ConfigurationEditor.ts"
import type { ConfigurationReview } from "../../ports/ConfigurationReview.ts"
import type { CredentialLock } from "../../ports/CredentialLock.ts"
import type { CredentialStore, StorageError } from "../../ports/CredentialStore.ts"
import type { FileEditor } from "../../ports/FileEditor.ts"
import type { HttpTransport } from "../../ports/HttpTransport.ts"
import type { LineEditor } from "../../ports/LineEditor.ts"
import type { ModelKeys } from "../../ports/ModelKeys.ts"
import type { OwnProgram } from "../../ports/OwnProgram.ts"
import type { ServerDecoder } from "../../ports/ServerDecoder.ts"
import type { ServerSecrets } from "../../ports/ServerSecrets.ts"
import type { SecretPrompt } from "../../ports/SecretPrompt.ts"
import type { UserInteraction } from "../../ports/UserInteraction.ts"
import type { StorageBackends } from "../../ports/StorageBackends.ts"
import type { StorageRekey } from "../../ports/StorageRekey.ts"
import type { ServerQuestions } from "../../ports/ServerRequests.ts"
import type { TraceFile } from "../../ports/TraceFile.ts"
import type { Chat } from "../chat/Chat.ts"
import type { AccessTokens } from "../tokens/AccessTokens.ts"
import type { ChosenStorage } from "../storage/ChosenStorage.ts"
import type { CredentialStatus } from "../credentials/CredentialStatus.ts"
import type { Doctor } from "../doctor/Doctor.ts"
import type { ServerSession } from "../session/ServerSession.ts"
import type { SignIn } from "../signin/SignIn.ts"
import type { SignOut } from "../signin/SignOut.ts"
import type { StorageCheck } from "../storage/StorageCheck.ts"
import type { StorageMove } from "../storage/StorageMove.ts"
import { add } from "./Add.ts"
import { clientMetadata } from "./AuthClientMetadata.ts"
import { commandsOf } from "./CommandsOfRun.ts"
import { doctor } from "./AuthDoctor.ts"
import { exportServers } from "./Export.ts"
import { install } from "./Install.ts"
import { headers } from "./AuthHeaders.ts"
import { login } from "./AuthLogin.ts"
import { logout } from "./AuthLogout.ts"
import { reset } from "./AuthReset.ts"
import { status } from "./AuthStatus.ts"
import { token } from "./AuthToken.ts"
import { ask } from "./Ask.ts"
import { call } from "./Call.ts"
import { chat } from "./Chat.ts"
import { completions } from "./Completions.ts"
import { type ErrorFormat, layerOfFlags } from "./ErrorReport.ts"
import { importCommand } from "./Import.ts"
import type { TokenServices } from "./ImportTokens.ts"
import { prompts, resources, tools } from "./Listing.ts"
import { chatFlags } from "./ModelFlags.ts"
import { models } from "./Models.ts"
import { modelsKey } from "./ModelsKey.ts"
import { ping } from "./Ping.ts"
import { proxy } from "./Proxy.ts"
import type { HttpProxyServices } from "./ProxyHttp.ts"
import type { StdioProxyServices } from "./ProxyStdio.ts"
import { remove } from "./Remove.ts"
import { prompt } from "./Prompt.ts"
import { read } from "./Read.ts"
import { secret } from "./Secret.ts"
import { secretList } from "./SecretList.ts"
import { secretRemove } from "./SecretRemove.ts"
import { secretSet } from "./SecretSet.ts"
import { servers } from "./Servers.ts"
import { interactiveSession } from "./Session.ts"
import { type Settings, settings } from "./Settings.ts"
import { storage } from "./Storage.ts"
import { move } from "./StorageMove.ts"
import { rekey } from "./StorageRekey.ts"
import { trust } from "./Trust.ts"
import { uninstall } from "./Uninstall.ts"

type Stored =
  | Configuration
  | ServerSecrets
  | CredentialStore
  | CredentialStatus
  | SignOut
  | ChosenStorage
  | StorageBackends
  | StorageCheck
  | StorageMove
  | UserInteraction

type SessionServices =
  | Configuration
  | CredentialLock
  | CredentialStore
  | ChosenStorage
  | HttpTransport
  | ServerSecrets
  | ServerSession

/** The layers of the commands; each is built only for the commands that need it. */
export interface Live<R> {
  readonly configuration: Layer.Layer<Configuration, never, Settings | R>
  /** What edits the configuration file. */
  readonly editing: Layer.Layer<ConfigurationEditor, never, Settings | R>
  /** The files of other MCP clients. */
  readonly clients: Layer.Layer<Configuration | ClientFiles | FileEditor | OwnProgram, never, Settings | R>
  /** What edits it, and the files of other MCP clients. */
  readonly importing: Layer.Layer<ConfigurationEditor | ClientFiles, never, Settings | R>
  /** The sign-ins of other programs, and what takes them over. */
  readonly foreignSignIns: Layer.Layer<TokenServices, ConfigurationError | StorageError, Settings | R>
  /** What decides about configurations, without using one. */
  readonly trust: Layer.Layer<ConfigurationApprovals | ConfigurationReview, never, Settings | R>
  /** The stored sign-ins, without the means to get new ones. */
  readonly stored: Layer.Layer<Stored, ConfigurationError | StorageError, Settings | R>
  /** As `stored`, but the user is never asked for a password. */
  readonly storedWithoutPrompt: Layer.Layer<Stored, ConfigurationError | StorageError, Settings | R>
  /** An examination: the wire and the store, without a browser. */
  readonly examination: Layer.Layer<
    Configuration | Doctor | ServerSecrets,
    ConfigurationError | StorageError,
    Settings | R
  >
  /** What finds models, and stores the keys of their providers. */
  readonly models: Layer.Layer<
    Configuration | CredentialStore | ChatModels | ModelKeys | SecretPrompt,
    ConfigurationError | StorageError,
    Settings | R
  >
  /** What stores the secrets of servers. */
  readonly secrets: Layer.Layer<
    Configuration | CredentialStore | ServerSecrets | SecretPrompt,
    ConfigurationError | StorageError,
    Settings | R
  >
  /** A new password for the encrypted files, whichever backend is in use. */
  readonly rekey: Layer.Layer<Configuration | StorageRekey, ConfigurationError, Settings | R>
  /** A sign-in that the user requested. */
  readonly signIn: Layer.Layer<
    Configuration | CredentialStore | ServerDecoder | ServerSecrets | SignIn | UserInteraction | TraceFile,
    ConfigurationError | StorageError,
    Settings | R
  >
  /** Tokens, with a sign-in only if a user is present. */
  readonly tokens: Layer.Layer<
    Configuration | AccessTokens | ServerSecrets,
    ConfigurationError | StorageError,
    Settings | R
  >
  /** Tokens for requests of other programs, without a sign-in that needs the user. */
  readonly localProxy: Layer.Layer<HttpProxyServices, ConfigurationError | StorageError, Settings | R>
  /** The MCP client that started this program. */
  readonly localClient: StdioProxyServices<Settings | R>["client"]
  /** The way from that client to a server. */
  readonly stdioProxy: StdioProxyServices<Settings | R>["server"]
  readonly sessions: Layer.Layer<
    SessionServices | LineEditor,
    ConfigurationError | StorageError,
    Settings | R
  >
  /** A conversation with a model, over sessions. */
  readonly chat: Layer.Layer<
    Chat | ChatModels | ServerQuestions,
    ConfigurationError,
    SessionServices | Settings | R
  >
}

const auth = Command.make("auth").pipe(
  Command.withDescription("Sign in, see who is signed in, get a token, sign out, forget"),
  Command.withExamples([
    { command: "mcp-cli auth login notion", description: "Sign in now" },
    { command: "mcp-cli auth status", description: "Who is signed in, and until when" }
  ])
)

/**
 * The command line of `mcp-cli`.
 *
 * @param format set to the flags of the run, before anything can fail that depends on them.
 * @param words the arguments of the run, which only have to contain the commands that they name; absent: all of them
 */
export const program = <R>(live: Live<R>, format: Ref.Ref<ErrorFormat>, words: ReadonlyArray<string> = []) =>
  Command.make(
    "mcp-cli",
    {
      server: Flag.String("server").pipe(
        Flag.withAlias("s"),
        Flag.withMetavar("NAME"),
        Flag.withDescription("Connect to this server, signing in if needed, and open a session; repeatable"),
        Flag.between(0, 1000)
      ),
      ...chatFlags
    },
    Effect.fn("cli.root")(function* ({ server: [first, ...others], ...flags }) {
      if (first === undefined) return yield* new CliError.ShowHelp({ commandPath: ["mcp-cli"], errors: [] })
      yield* Effect.provide(
        interactiveSession([first, ...others], flags, () => live.chat),
        live.sessions
      )
    })
  ).pipe(
    Command.withDescription("Sign in once to an MCP server, and use it ever after"),
    Command.withExamples([
      { command: "mcp-cli add notion https://mcp.notion.com/mcp", description: "Add a server, once" },
      {
        command: "mcp-cli --server notion",
        description: "Open a session; the browser opens the first time only"
      },
      { command: "mcp-cli tools notion", description: "List the tools of a server" },
      { command: "mcp-cli call notion search query=roadmap", description: "Call one" }
    ]),
    Command.withSubcommands(
      commandsOf(words, {
        tools: () => tools.pipe(Command.provide(live.sessions)),
        resources: () => resources.pipe(Command.provide(live.sessions)),
        read: () => read.pipe(Command.provide(live.sessions)),
        prompts: () => prompts.pipe(Command.provide(live.sessions)),
        prompt: () => prompt.pipe(Command.provide(live.sessions)),
        call: () => call.pipe(Command.provide(live.sessions)),
        ping: () => ping.pipe(Command.provide(live.sessions)),
        chat: () => chat(() => live.chat).pipe(Command.provide(live.sessions)),
        ask: () => ask.pipe(Command.provide(() => Layer.provideMerge(live.chat, live.sessions))),
        proxy: () =>
          proxy(
            () => ({ client: live.localClient, server: live.stdioProxy }),
            () => live.localProxy
          ),
        auth: () =>
          auth.pipe(
            Command.withSubcommands(
              commandsOf(words, {
                login: () => login.pipe(Command.provide(live.signIn)),
                doctor: () => doctor(live.examination, () => live.sessions),
                status: () => status.pipe(Command.provide(live.stored)),
                token: () => token.pipe(Command.provide(live.tokens)),
                headers: () => headers.pipe(Command.provide(live.tokens)),
                logout: () => logout.pipe(Command.provide(live.stored)),
                reset: () => reset.pipe(Command.provide(live.storedWithoutPrompt)),
                "client-metadata": () => clientMetadata.pipe(Command.provide(live.configuration))
              })
            )
          ),
        storage: () =>
          storage.pipe(
            Command.provide(live.stored),
            Command.withSubcommands(
              commandsOf(words, {
                move: () => move.pipe(Command.provide(live.stored)),
                rekey: () => rekey.pipe(Command.provide(live.rekey))
              })
            )
          ),
        models: () =>
          models.pipe(
            Command.provide(live.models),
            Command.withSubcommands(
              commandsOf(words, { key: () => modelsKey.pipe(Command.provide(live.models)) })
            )
          ),
        secret: () =>
          secret.pipe(
            Command.withSubcommands(
              commandsOf(words, {
                set: () => secretSet.pipe(Command.provide(live.secrets)),
                list: () => secretList.pipe(Command.provide(live.secrets)),
                remove: () => secretRemove.pipe(Command.provide(live.secrets))
              })
            )
          ),
        servers: () => servers.pipe(Command.provide(live.configuration)),
        add: () => add.pipe(Command.provide(live.editing)),
        import: () => importCommand(live.foreignSignIns, live.secrets).pipe(Command.provide(live.importing)),
        remove: () => remove(live.stored, live.storedWithoutPrompt).pipe(Command.provide(live.editing)),
        install: () => install(() => live.storedWithoutPrompt).pipe(Command.provide(live.clients)),
        uninstall: () => uninstall.pipe(Command.provide(live.clients)),
        export: () => exportServers.pipe(Command.provide(live.clients)),
        trust: () => trust.pipe(Command.provide(live.trust)),
        completions: () => completions
      })
    ),
    Command.provide(layerOfFlags(format)),
    Command.withGlobalFlags(settings)
  )

/** `-v` turns on the log, so the version has the capital. */
const Version = GlobalFlag.Action({
  flag: Flag.Boolean("version").pipe(
    Flag.withAlias("V"),
    Flag.withDescription("Show the version"),
    Flag.withDefault(false)
  ),
  run: GlobalFlag.Version.run
})

/** The built-in flags of the command line. `completions` is a command. */
export const builtInFlags = [GlobalFlag.Help, Version] as const

/** Makes them the flags of the command line. */
export const builtIns = CliConfig.layer({ builtIns: builtInFlags })
