import { createInterface } from "node:readline"
import { Clock, Console, Context, Duration, Effect, Layer, Option, Redacted } from "effect"
import {
  AccessTokens,
  Credentials,
  type CredentialLock,
  type CredentialStore,
  type RemoteServer,
  UserInteraction,
  SecretPrompt,
  SignIn
} from "../src/index.ts"
import {
  BrowserLive,
  EncryptedFileStore,
  KeyringProcess,
  KeyringStore,
  ProcessLock,
  VaultStore,
  WireLive
} from "../src/node.ts"
import * as FetchTransport from "../src/adapters/http/FetchTransport.ts"
import { runMain } from "../src/live/RunMain.ts"
import { HttpTransport } from "../src/ports/HttpTransport.ts"
import { defaultOAuth } from "../src/domain/Server.ts"
import { password } from "../test/e2e/World.ts"

// A program that embeds the library, as one of many. For each line of its input, a number of hours, it asks for a token
// as of that time, and prints it. With two stacks, both ask at once, and it prints both.

const [backend = "", home = "", url = "", vaultUrl = "", vaultToken = "", stacks = "1", timeout = "15000"] =
  process.argv.slice(2)

const server: RemoteServer = {
  _tag: "Http",
  name: "demo",
  url: new URL(url),
  headers: {},
  transport: "auto",
  oauth: defaultOAuth
}

const processLock = ProcessLock.layer({ directory: `${home}/.mcp_cli/storage/in-use` })

/** The stores as the program keeps them in this home. */
const storage = (): Layer.Layer<CredentialStore | CredentialLock> => {
  switch (backend) {
    case "secretservice":
      return KeyringStore.layer({ directory: `${home}/.mcp_cli/storage/names` }).pipe(
        Layer.provide(KeyringProcess.layer({ backend })),
        Layer.merge(processLock)
      )
    case "vault":
      return VaultStore.layer({
        url: new URL(vaultUrl),
        mountPoint: "secret",
        pathPrefix: "mcp-cli/oauth",
        namespace: undefined,
        kvVersion: undefined,
        auth: { method: "token", token: Redacted.make(vaultToken), tokenFile: undefined },
        tls: { caCert: undefined, clientCert: undefined, clientKey: undefined, skipVerify: false }
      }).pipe(Layer.provide(processLock))
    default:
      return EncryptedFileStore.layer({
        directory: `${home}/.mcp_cli/tokens`,
        password: Redacted.make(password)
      }).pipe(
        Layer.provide(Layer.succeed(SecretPrompt, { ask: () => Effect.succeedNone })),
        Layer.provideMerge(processLock)
      )
  }
}

const noUser = Layer.succeed(UserInteraction, {
  present: false,
  timeout: Duration.minutes(1),
  askToSignIn: () => Effect.void,
  askToUseDevice: () => Effect.void,
  pastedRedirect: () => Effect.never,
  tell: Console.error
})

/** The network, with a shorter timeout than the usual one, so that a pause can outlast it. */
const wire = WireLive.layerOverTransport.pipe(
  Layer.provideMerge(
    Layer.effect(
      HttpTransport,
      Effect.map(HttpTransport, ({ send }) =>
        HttpTransport.of({
          send: (request, options) => send(request, { ...options, timeout: Number(timeout) })
        })
      )
    ).pipe(Layer.provide(FetchTransport.layer))
  )
)

const stack = () =>
  AccessTokens.layer.pipe(
    Layer.provide(SignIn.layer),
    Layer.provide(Credentials.layer),
    Layer.provide(Layer.merge(wire, BrowserLive.layerNone)),
    Layer.provide(noUser),
    Layer.provide(storage()),
    Layer.fresh
  )

let hours = 0
const offset = () => hours * 3_600_000

const program = Effect.gen(function* () {
  const real = yield* Clock.Clock
  // Time is moved for the whole program; what waits, waits in real time.
  const later: Clock.Clock = Object.assign(Object.create(real) as Clock.Clock, {
    currentTimeMillisUnsafe: () => real.currentTimeMillisUnsafe() + offset(),
    currentTimeMillis: Effect.map(real.currentTimeMillis, (time) => time + offset())
  })
  const services = yield* Effect.forEach(Array.from({ length: Number(stacks) }), () =>
    Effect.map(Layer.build(stack()), (context) => Context.get(context, AccessTokens.AccessTokens))
  )
  const askOne = (tokens: (typeof services)[number]) =>
    tokens.get({ server }).pipe(
      Effect.provideService(Clock.Clock, later),
      Effect.match({
        onFailure: (error) => `error: ${error.message.replaceAll(" ", "_")}`,
        onSuccess: ({ accessToken }) => Redacted.value(accessToken)
      })
    )
  const ask = Effect.forEach(services, askOne, { concurrency: "unbounded" }).pipe(
    Effect.flatMap((answers) => Console.log(answers.join(" ")))
  )
  const lines = createInterface({ input: process.stdin })
  const queue: Array<string> = []
  let wake: (() => void) | undefined
  let ended = false
  lines.on("line", (line) => {
    queue.push(line)
    wake?.()
  })
  lines.on("close", () => {
    ended = true
    wake?.()
  })
  const next = Effect.callback<Option.Option<string>>((resume) => {
    const give = () => {
      const line = queue.shift()
      if (line === undefined && !ended) return
      wake = undefined
      resume(Effect.succeed(Option.fromNullishOr(line)))
    }
    wake = give
    give()
  })
  yield* Console.log("ready")
  for (;;) {
    const line = yield* next
    if (Option.isNone(line)) return
    hours = Number(line.value)
    yield* ask
  }
}).pipe(Effect.scoped)

// A signal ends it as it ends mcp-cli.
runMain(Effect.as(program, 0))
