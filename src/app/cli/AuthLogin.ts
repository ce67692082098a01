import { Clock, Effect, identity, Option } from "effect"
import { Command, Flag } from "effect/cli"
import { isScope, scopesOf } from "../../domain/TokenSet.ts"
import { hasOwnAuthorization, isNonInteractiveGrant, type RemoteServer } from "../../domain/Server.ts"
import { advice, entryOf, type Remediable, remove, set, tokenStorage } from "../../domain/Remedy.ts"
import { SignInRequired } from "../../domain/SignInError.ts"
import { Configuration } from "../../ports/Configuration.ts"
import { CredentialStore } from "../../ports/CredentialStore.ts"
import { KnownNames } from "../../ports/KnownNames.ts"
import { KnownSignInNeeds } from "../../ports/KnownSignInNeeds.ts"
import { UserInteraction } from "../../ports/UserInteraction.ts"
import { TraceFile } from "../../ports/TraceFile.ts"
import { SignIn } from "../signin/SignIn.ts"
import {
  accountAt,
  httpServer,
  isUrl,
  nameOf,
  remoteLineArgument,
  resolvedName,
  serverName
} from "./Arguments.ts"
import type { JsonOutput } from "./JsonOutput.ts"
import { showOthers } from "./NamedSignIn.ts"
import { isoTime, printJson, tell, tellWarning } from "./Output.ts"
import { expiryText } from "./ExpiryText.ts"
import { remedyText } from "./RemedyText.ts"
import { type RemoteLine, remoteLineOf } from "./RemoteLine.ts"
import { Json } from "./Settings.ts"
import { UsageError } from "./UsageError.ts"
import { showWarnings } from "./Warnings.ts"

/** Runs a flow and writes its trace to `given`, whether it succeeds or fails. */
const traced = <A, E extends Remediable, R>(
  given: string,
  server: RemoteServer,
  account: string | undefined,
  flow: Effect.Effect<A, E, R>
) =>
  Effect.gen(function* () {
    const file = yield* TraceFile
    const refuse = ({ message, remedies }: Remediable) => new UsageError({ problem: message, remedies })
    const path = yield* file.check(given).pipe(Effect.mapError(refuse))
    // A server that is named by its URL needs no configuration.
    const servers = yield* Effect.orElseSucceed(
      Configuration.use((configuration) => configuration.servers),
      () => []
    )
    const urlAsWritten = servers.find(({ name }) => name === server.name)?.target ?? server.url.href
    const { record } = yield* Effect.promise(() => import("../trace/FlowTrace.ts"))
    return yield* record({ server, urlAsWritten, account }, flow, (trace) =>
      file.write(path, trace).pipe(
        Effect.andThen(
          tell(`Trace written to ${path}. It holds no secrets and can be sent to the provider's support.`)
        ),
        Effect.catchTag("TraceFileError", (error) =>
          // Why the sign-in failed matters more than why its trace was not written.
          trace.outcome._tag === "SignedIn" ? refuse(error) : tell(`mcp-cli: ${error.message}`)
        )
      )
    )
  })

/** The server of that name; or the one that a command line of mcp-remote describes, as `mcp-cli proxy` takes it. */
const serverOf = Effect.fnUntraced(function* (given: string, line: ReadonlyArray<string>) {
  const [next] = line
  if (next !== undefined) {
    if (!isUrl(given)) {
      return yield* new UsageError({
        problem: `"${next}" follows the name of the server, and is not understood there.`,
        remedies: [advice("The callback port and the flags of mcp-remote follow the URL of a server.")]
      })
    }
    const { notices, server, withLine } = yield* remoteLineOf([given, ...line])
    yield* Effect.forEach(notices, (notice) => tellWarning(notice))
    return { server, withLine }
  }
  const name = yield* resolvedName(given)
  yield* showWarnings(name)
  return { server: yield* httpServer(name), withLine: identity }
})

/** Gives an error other remedies. It stays what it is: the exit code depends on that. */
const remedied =
  (withLine: RemoteLine["withLine"]) =>
  <E extends Remediable>(error: E): E =>
    Object.defineProperty(error, "remedies", { value: withLine(error).remedies })

/** `mcp-cli auth login NAME` */
export const login = Command.make(
  "login",
  {
    name: serverName,
    line: remoteLineArgument,
    scope: Flag.String("scope").pipe(
      Flag.withMetavar('"A B"'),
      Flag.withDescription(
        'Request these scopes instead of those of the configuration or the server; "": none'
      ),
      Flag.filter(
        (scope) => scope.split(/\s+/).every((token) => token === "" || isScope(token)),
        () => "Expected scopes: printable ASCII without quotes and backslashes, separated by spaces"
      ),
      Flag.between(0, 50)
    ),
    device: Flag.Boolean("device").pipe(
      Flag.withDescription("Approve on another machine: enter a code there, or scan one"),
      Flag.withDefault(false)
    ),
    trace: Flag.String("trace").pipe(
      Flag.withMetavar("FILE.html"),
      Flag.withDescription("Write a page about this sign-in, without its secrets, for a provider's support"),
      Flag.optional
    )
  },
  Effect.fn("cli.auth.login")(function* ({ device, line, name: given, scope, trace }) {
    const { server, withLine } = yield* serverOf(given, line)
    const { name } = server
    if (hasOwnAuthorization(server)) {
      return yield* new UsageError({
        problem: `The entry of ${name} has an Authorization header, which is sent in its place: a sign-in would not be used.`,
        remedies: [remove([...entryOf(name), "headers"], ["Authorization"], "you prefer to sign in")]
      })
    }
    const key = yield* accountAt(name)
    const { grant } = server.oauth
    const { present, unattended = false } = yield* UserInteraction
    if (!present && (device || grant === undefined || !isNonInteractiveGrant(grant))) {
      return yield* new SignInRequired({
        server: name,
        account: key.account,
        why: "non-interactive",
        ...(unattended ? { unattended } : {})
      })
    }
    const scopes = scopesOf(scope.join(" "))
    const flow = SignIn.use((signIn) =>
      signIn.signIn({ server, account: key.account, device, ...(scope.length === 0 ? {} : { scopes }) })
    ).pipe(
      Effect.tapErrorTag("SignInNotOffered", () =>
        KnownSignInNeeds.use((needs) => needs.note(server, "none"))
      )
    )
    const { credential, replaced, tokens } = yield* Option.match(trace, {
      onNone: () => Effect.mapError(flow, remedied(withLine)),
      onSome: (path) => Effect.mapError(traced(path, server, key.account, flow), remedied(withLine))
    })
    yield* (yield* KnownNames).rememberAccount(name, key.account)
    const { expiresAt } = tokens
    if (yield* Json) {
      return yield* printJson({
        server: name,
        account: key.account,
        scopes: credential.grantedScopes,
        expiresAt: expiresAt === undefined ? null : isoTime(expiresAt)
      } satisfies JsonOutput<"auth login">)
    }
    const { description } = yield* CredentialStore
    if (description.backend.lasting) {
      const now = yield* Clock.currentTimeMillis
      yield* tell(
        `Signed in to ${nameOf(key)}. The tokens are stored in ${description.location} (${description.backend.name}).`
      )
      const isRenewable = tokens.refreshToken !== undefined || credential.grant !== undefined
      const expiry = expiryText(tokens, isRenewable, now)
      if (expiry !== undefined) yield* tell(expiry)
    } else {
      yield* tell(
        `Signed in to ${nameOf(key)}. The tokens are stored in ${description.backend.label} only: they are gone when this command ends.`
      )
      yield* tell(remedyText(set(tokenStorage, { backend: "auto" }, "sign-ins should last")))
    }
    if (replaced !== undefined) {
      yield* tell(
        replaced === "revoked"
          ? "It replaces the earlier sign-in, and requests the revocation of that one."
          : "It replaces the earlier sign-in, whose tokens are not revoked: they work until they expire."
      )
    }
    // The sign-in has succeeded, whatever the store says of others.
    yield* Effect.ignore(showOthers(name, key.account, credential.resource), { log: "Debug" })
  })
).pipe(
  Command.withDescription("Sign in to a server now, in the browser"),
  Command.withExamples([
    { command: "mcp-cli auth login notion", description: "Open the browser and sign in" },
    { command: "mcp-cli auth login notion --account work", description: "A second account, side by side" },
    {
      command: "mcp-cli auth login notion --no-browser",
      description: "Print the address; over SSH, paste the final address back"
    },
    {
      command: "mcp-cli auth login notion --trace sign-in.html",
      description: "If it fails: a page for the provider's support"
    },
    {
      command: "mcp-cli auth login notion --device",
      description: "Approve with a code on another machine, such as a phone"
    }
  ])
)
