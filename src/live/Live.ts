import { setFlagsFromString } from "node:v8"
import * as NodeFileSystem from "@effect/platform-node/NodeFileSystem"
import * as NodePath from "@effect/platform-node/NodePath"
import { Duration, Effect, Layer } from "effect"
import * as Browser from "../adapters/browser/Browser.ts"
import * as ConfigurationFile from "../adapters/config/ConfigurationFile.ts"
import * as ServerJson from "../adapters/config/ServerJson.ts"
import * as EnvironmentProxy from "../adapters/http/EnvironmentProxy.ts"
import * as NodeTransport from "../adapters/http/NodeTransport.ts"
import * as CallbackListener from "../adapters/loopback/CallbackListener.ts"
import * as LocalListener from "../adapters/loopback/LocalListener.ts"
import * as McpConnector from "../adapters/mcp/McpConnector.ts"
import * as McpForwarder from "../adapters/mcp/McpForwarder.ts"
import * as ServerWire from "../adapters/mcp/wire/ServerWire.ts"
import * as ClientRegistrar from "../adapters/oauth/ClientRegistrar.ts"
import * as Discovery from "../adapters/oauth/Discovery.ts"
import * as DpopProofs from "../adapters/oauth/DpopProofs.ts"
import * as TokenEndpoint from "../adapters/oauth/TokenEndpoint.ts"
import { isBrowserElsewhere } from "../adapters/platform/BrowserPlace.ts"
import * as StdioClient from "../adapters/stdio/StdioClient.ts"
import { serveUntilSignal } from "../adapters/terminal/Interrupts.ts"
import * as TerminalLineEditor from "../adapters/terminal/TerminalLineEditor.ts"
import * as TerminalUserInteraction from "../adapters/terminal/TerminalUserInteraction.ts"
import * as TerminalSecretPrompt from "../adapters/terminal/TerminalSecretPrompt.ts"
import * as TraceFile from "../adapters/trace/TraceFile.ts"
import { bareRequest } from "../domain/BareRequest.ts"
import * as AccessTokens from "../app/tokens/AccessTokens.ts"
import * as AuthorizedHttp from "../app/http/AuthorizedHttp.ts"
import type { Live } from "../app/cli/Program.ts"
import { messageLines } from "../app/cli/Output.ts"
import { remedyText } from "../app/cli/RemedyText.ts"
import { Display } from "../ports/Display.ts"
import {
  Browser as BrowserSetting,
  CallbackTimeout,
  ConfigFile,
  configFileOfRun,
  Interactive,
  Verbose
} from "../app/cli/Settings.ts"
import { Configuration } from "../ports/Configuration.ts"
import * as ChosenStorage from "../app/storage/ChosenStorage.ts"
import * as CredentialStatus from "../app/credentials/CredentialStatus.ts"
import * as Credentials from "../app/credentials/Credentials.ts"
import * as Doctor from "../app/doctor/Doctor.ts"
import * as SignInPrompt from "../app/proxy/SignInPrompt.ts"
import * as ServerSession from "../app/session/ServerSession.ts"
import * as ImportedSignIns from "../app/signin/ImportedSignIns.ts"
import * as SignIn from "../app/signin/SignIn.ts"
import * as SignOut from "../app/signin/SignOut.ts"
import * as StoredModelKeys from "../app/storage/StoredModelKeys.ts"
import * as StoredServerSecrets from "../app/storage/StoredServerSecrets.ts"
import * as StorageCheck from "../app/storage/StorageCheck.ts"
import { ConfigurationTrust, type RequireApproval } from "../ports/ConfigurationTrust.ts"
import { isUnattended } from "./Attendance.ts"
import {
  approvals,
  backends,
  browserOpenings,
  choices,
  encryptedFiles,
  knownNames,
  proxyBearers
} from "./StorageLive.ts"
import * as StorageMove from "../app/storage/StorageMove.ts"
import * as WireLive from "./WireLive.ts"

const interactive = Effect.gen(function* () {
  return (yield* Interactive) && !(yield* isUnattended)
})

const files = Layer.merge(NodeFileSystem.layer, NodePath.layer)

/** Asks about a configuration that the user has not chosen. Few runs have one: the others do not load what asks. */
const trust = Layer.effect(
  ConfigurationTrust,
  Effect.map(
    interactive,
    (mayAsk): RequireApproval =>
      (found) =>
        Effect.flatMap(
          Effect.promise(() => import("./TrustLive.ts")),
          ({ requireApproval }) => requireApproval(found, mayAsk)
        )
  )
)

const configuration = Layer.unwrap(
  Effect.map(ConfigFile, (path) =>
    ConfigurationFile.layer({ path, searchesWorkingDirectory: true, acceptsUrls: true })
  )
).pipe(Layer.provide([files, trust]))

/** Loaded only by the commands that edit a file. */
const editing = Layer.unwrap(
  Effect.gen(function* () {
    const path = yield* ConfigFile
    const { layer } = yield* Effect.promise(() => import("./EditLive.ts"))
    return layer({ path, searchesWorkingDirectory: true })
  })
).pipe(Layer.provide([files, trust]))

/** Loaded only by the commands for files of other clients. */
const clients = Layer.unwrap(
  Effect.map(
    Effect.promise(() => import("./ClientsLive.ts")),
    ({ layer }) => layer
  )
).pipe(Layer.merge(configuration))

/** Loaded only by the command that imports sign-ins. */
const foreignTokens = Layer.unwrap(
  Effect.map(
    Effect.promise(() => import("./ImportLive.ts")),
    (live) => live.foreignTokens
  )
)

const secretPrompt = Layer.unwrap(
  Effect.map(interactive, (mayAsk) => TerminalSecretPrompt.layer({ interactive: mayAsk }))
)

type Presence = "always" | "terminal" | "never"

const user = (presence: Presence) =>
  Layer.unwrap(
    Effect.gen(function* () {
      const configFile = yield* configFileOfRun
      const display = yield* Display
      return TerminalUserInteraction.layer({
        presence: presence === "always" ? "always" : "terminal",
        interactive: presence !== "never" && (yield* interactive),
        unattended: yield* isUnattended,
        timeout: Duration.seconds(yield* CallbackTimeout),
        opensBrowser: yield* BrowserSetting,
        remedyText: (remedy) => remedyText(remedy, configFile),
        messageLines: (lines) => messageLines(lines, display.errorColumns)
      })
    })
  )

/** The store that the configuration names or the rule chooses, and the lock that goes with it. */
const storage = (presence: Presence, prompt = secretPrompt) =>
  StoredServerSecrets.layer.pipe(
    Layer.provideMerge(ChosenStorage.layer),
    Layer.provideMerge(Layer.merge(backends, choices)),
    Layer.provideMerge(user(presence)),
    Layer.provide(prompt),
    Layer.provideMerge(configuration)
  )

/**
 * The network. With `-v` each request is logged, with `-vv` its headers, too.
 *
 * After a few answers V8 would compile the parser of undici (WebAssembly) a second time: now after some hundreds. The end of a
 * short run waits for that (40 of 215 ms of `tools`), and an idle proxy keeps 13 of 90 MB of it. Not before undici is used:
 * see {@link connector}.
 */
const transport = Layer.unwrap(
  Effect.gen(function* () {
    const network = NodeTransport.layerWith(() => setFlagsFromString("--wasm-tiering-budget=1000000000"))
    const verbose = yield* Verbose
    if (verbose === 0) return network
    const RequestLog = yield* Effect.promise(() => import("../app/trace/RequestLog.ts"))
    return RequestLog.layer({ withHeaders: verbose > 1 }).pipe(Layer.provide(network))
  })
)

/** The stored sign-ins, without the means to get new ones. */
const stored = (prompt = secretPrompt) =>
  Layer.mergeAll(CredentialStatus.layer, SignOut.layer, StorageCheck.layer, StorageMove.layer).pipe(
    Layer.provide(Credentials.layer),
    Layer.provide(
      Layer.merge(TokenEndpoint.layer, ClientRegistrar.layer).pipe(
        Layer.provide([DpopProofs.layer, transport])
      )
    ),
    Layer.provideMerge(storage("terminal", prompt)),
    Layer.merge(knownNames)
  )

const browser = Layer.unwrap(
  Effect.gen(function* () {
    const { variables } = yield* Configuration
    // A file that cannot be read has led to an error before.
    const configured = Effect.orElseSucceed(variables, () => [])
    return (yield* BrowserSetting) ? Browser.layerWithout(configured) : Browser.layerNone
  })
)

/** The network and the browser. */
const wire = Layer.suspend(() => Layer.merge(WireLive.layerOverTransport, browser))

/** Signing in and tokens, over the wire and the store. */
const authorization = () =>
  AccessTokens.layer.pipe(Layer.provideMerge(SignIn.layer), Layer.provideMerge(Credentials.layer))

const tokens = (presence: Presence = "terminal") =>
  authorization().pipe(
    Layer.provideMerge(wire),
    Layer.provideMerge(transport),
    Layer.provideMerge(storage(presence))
  )

/** True if a browser of this machine can show a page, and the user of this run lets it. */
const mayOpenBrowser = Effect.map(
  Effect.all([interactive, BrowserSetting]),
  ([isInteractive, opensBrowser]) =>
    isInteractive && opensBrowser && !isBrowserElsewhere(process.platform, process.env)
)

/** The way from an MCP client on stdin and stdout to a server. Stdin is the client's, so nothing is asked there. */
const stdioProxy = () =>
  Layer.mergeAll(
    AuthorizedHttp.layer,
    ServerWire.layer({ makeRequest: bareRequest }),
    ServerJson.decoderLayer,
    knownNames,
    Layer.unwrap(Effect.map(mayOpenBrowser, (mayOpen) => browserOpenings(mayOpen)))
  ).pipe(
    Layer.provideMerge(authorization()),
    Layer.provideMerge(SignInPrompt.layer),
    Layer.provideMerge(wire),
    Layer.provideMerge(transport),
    Layer.provideMerge(storage("never", TerminalSecretPrompt.layer({ interactive: false })))
  )

/** What records a sign-in, loaded only where the user requests one. */
const tracedUser = Layer.unwrap(
  Effect.map(
    Effect.promise(() => import("../app/trace/TracedUser.ts")),
    ({ layer }) => layer
  )
)
const tracedTransport = Layer.unwrap(
  Effect.map(
    Effect.promise(() => import("../app/trace/TracedTransport.ts")),
    ({ layer }) => layer
  )
)

/** A sign-in that the user requested, and that can be traced. */
const signIn = (version: string) =>
  authorization().pipe(
    Layer.provideMerge(tracedUser),
    Layer.provideMerge(wire),
    Layer.provideMerge(tracedTransport.pipe(Layer.provide(transport))),
    Layer.provideMerge(storage("always")),
    Layer.merge(Layer.mergeAll(TraceFile.layer({ version }), ServerJson.decoderLayer, knownNames))
  )

/** Finds models, and stores the keys of their providers. The code of the providers is loaded where a model is asked. */
const models = () =>
  Layer.unwrap(
    Effect.map(
      Effect.promise(() => import("../adapters/model/ChatModels.ts")),
      ({ layer }) => layer
    )
  ).pipe(
    Layer.provideMerge(StoredModelKeys.layer),
    Layer.provide(transport),
    Layer.provideMerge(storage("terminal")),
    Layer.merge(secretPrompt)
  )

/**
 * The MCP client. V8 frees memory sooner once an answer is large. Not before: after a change of its flags V8 compiles Node's
 * own modules from their source, and a session loads some.
 */
const connector = (version: string) =>
  Layer.unwrap(
    Effect.map(Verbose, (verbose) =>
      McpConnector.layer({
        version,
        makeRequest: bareRequest,
        showOutput: verbose > 0,
        onLargeAnswer: () => setFlagsFromString("--optimize-for-size")
      })
    )
  )

/** Loaded only by conversations with a model. */
const chat = Layer.unwrap(
  Effect.gen(function* () {
    const mayAsk = yield* interactive
    const { layer } = yield* Effect.promise(() => import("./ChatLive.ts"))
    return layer({ interactive: mayAsk })
  })
)

/**
 * The stacks of layers that the commands of `mcp-cli` run on: the one place where adapters and use cases meet. Each is a
 * getter, so that a run loads only the code of its own stack.
 */
export const live = (version: string) =>
  ({
    configuration,
    get editing() {
      return editing
    },
    get clients() {
      return clients
    },
    get importing() {
      return Layer.merge(editing, clients)
    },
    get foreignSignIns() {
      return ImportedSignIns.layer.pipe(
        Layer.provide(Discovery.layer),
        Layer.provide(transport),
        Layer.merge(foreignTokens.pipe(Layer.provide(secretPrompt))),
        Layer.provideMerge(storage("terminal")),
        Layer.provideMerge(clients)
      )
    },
    get trust() {
      return ConfigurationFile.reviewLayer.pipe(Layer.provide(files), Layer.merge(approvals))
    },
    get stored() {
      return stored()
    },
    get storedWithoutPrompt() {
      return stored(TerminalSecretPrompt.layer({ interactive: false }))
    },
    get examination() {
      return Doctor.layer.pipe(
        Layer.provide(StorageCheck.layer),
        Layer.provide(Layer.mergeAll(Discovery.layer, CallbackListener.layer, EnvironmentProxy.layer)),
        Layer.provide(transport),
        Layer.provideMerge(storage("terminal"))
      )
    },
    get models() {
      return models()
    },
    get secrets() {
      return Layer.merge(storage("terminal"), secretPrompt)
    },
    get rekey() {
      return encryptedFiles.pipe(Layer.provide(secretPrompt), Layer.provideMerge(configuration))
    },
    get signIn() {
      return signIn(version)
    },
    get tokens() {
      return tokens()
    },
    get localProxy() {
      return AuthorizedHttp.layer.pipe(
        Layer.provideMerge(tokens("never")),
        Layer.merge(
          Layer.mergeAll(
            LocalListener.layer(),
            McpForwarder.layer,
            ServerWire.layer({ makeRequest: bareRequest }),
            ServerJson.decoderLayer,
            proxyBearers,
            knownNames
          )
        ),
        Layer.merge(Layer.effectDiscard(Effect.sync(serveUntilSignal)))
      )
    },
    get localClient() {
      return StdioClient.layer({ onSignal: serveUntilSignal })
    },
    get stdioProxy() {
      return stdioProxy()
    },
    get sessions() {
      return ServerSession.layer.pipe(
        Layer.provide(AuthorizedHttp.layer),
        Layer.provide(connector(version)),
        Layer.provideMerge(tokens()),
        Layer.provide(knownNames),
        Layer.merge(TerminalLineEditor.layer)
      )
    },
    get chat() {
      return chat
    }
  }) satisfies Live<never>
