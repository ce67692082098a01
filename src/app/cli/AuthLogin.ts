import { Clock, Console, Effect } from "effect"
import { Command, Flag } from "effect/cli"
import { scopesOf } from "../../domain/TokenSet.ts"
import { CredentialStore } from "../../ports/CredentialStore.ts"
import { SignIn } from "../SignIn.ts"
import { accountAt, httpServer, nameOf, serverName } from "./Arguments.ts"
import { isoTime, printJson, relativeTime } from "./Output.ts"
import { Json } from "./Settings.ts"
import { showWarnings } from "./Warnings.ts"

/** `mcp-cli auth login NAME` */
export const login = Command.make(
  "login",
  {
    name: serverName,
    scope: Flag.String("scope").pipe(
      Flag.withMetavar('"A B"'),
      Flag.withDescription("Ask for these scopes, instead of what the configuration or the server says"),
      Flag.between(0, 50)
    ),
    device: Flag.Boolean("device").pipe(
      Flag.withDescription("Approve on another machine: enter a code there, or scan one"),
      Flag.withDefault(false)
    )
  },
  Effect.fn("cli.auth.login")(function* ({ device, name, scope }) {
    yield* showWarnings
    const server = yield* httpServer(name)
    const key = yield* accountAt(name)
    const scopes = scopesOf(scope.join(" "))
    const { credential, tokens } = yield* SignIn.use((signIn) =>
      signIn.signIn({ server, account: key.account, device, ...(scopes.length === 0 ? {} : { scopes }) })
    )
    const { expiresAt } = tokens
    if (yield* Json) {
      return yield* printJson({
        server: name,
        account: key.account,
        scopes: credential.grantedScopes,
        expiresAt: expiresAt === undefined ? null : isoTime(expiresAt)
      })
    }
    const { description } = yield* CredentialStore
    const now = yield* Clock.currentTimeMillis
    yield* Console.error(
      `Signed in to ${nameOf(key)}. The tokens are kept in ${description.location} (${description.backend}).`
    )
    if (expiresAt !== undefined) {
      const end = relativeTime(expiresAt, now)
      const renewed =
        tokens.refreshToken !== undefined
          ? "is refreshed by itself"
          : credential.grant === undefined
            ? "ends, and has to be renewed by hand"
            : "is asked for anew by itself"
      yield* Console.error(`The access token ${renewed} ${end}.`)
    }
  })
).pipe(
  Command.withDescription("Sign in to a server now, in the browser"),
  Command.withExamples([
    { command: "mcp-cli auth login notion", description: "Open the browser and sign in" },
    { command: "mcp-cli auth login notion --account work", description: "A second account, side by side" },
    {
      command: "mcp-cli auth login notion --no-browser",
      description: "Print the address; over SSH, paste back where it ended"
    },
    {
      command: "mcp-cli auth login notion --device",
      description: "Approve with a code on another machine, such as a phone"
    }
  ])
)
