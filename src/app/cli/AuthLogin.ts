import { Clock, Console, Effect } from "effect"
import { Command } from "effect/cli"
import { CredentialStore } from "../../ports/CredentialStore.ts"
import { SignIn } from "../SignIn.ts"
import { accountAt, httpServer, nameOf, serverName } from "./Arguments.ts"
import { isoTime, printJson, relativeTime } from "./Output.ts"
import { Json } from "./Settings.ts"
import { showWarnings } from "./Warnings.ts"

/** `mcp-cli auth login NAME` */
export const login = Command.make(
  "login",
  { name: serverName },
  Effect.fn("cli.auth.login")(function* ({ name }) {
    yield* showWarnings
    const server = yield* httpServer(name)
    const key = yield* accountAt(name)
    const { credential, tokens } = yield* SignIn.use((signIn) =>
      signIn.signIn({ server, account: key.account })
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
        tokens.refreshToken === undefined ? "ends, and has to be renewed by hand" : "is refreshed by itself"
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
    }
  ])
)
