import { Console, Effect, Redacted } from "effect"
import { Command } from "effect/cli"
import { AccessTokens } from "../AccessTokens.ts"
import { accountAt, httpServer, serverName } from "./Arguments.ts"
import { isoTime, printJson } from "./Output.ts"
import { Json } from "./Settings.ts"

/** `mcp-cli auth token NAME`: the one command that shows a token, since that is what it is asked for. */
export const token = Command.make(
  "token",
  { name: serverName },
  Effect.fn("cli.auth.token")(function* ({ name }) {
    const server = yield* httpServer(name)
    const { account } = yield* accountAt(name)
    const tokens = yield* AccessTokens.use((service) => service.get({ server, account }))
    const accessToken = Redacted.value(tokens.accessToken)
    if (!(yield* Json)) return yield* Console.log(accessToken)
    const { expiresAt } = tokens
    yield* printJson({
      access_token: accessToken,
      token_type: tokens.tokenType,
      expires_at: expiresAt === undefined ? null : isoTime(expiresAt)
    })
  })
).pipe(
  Command.withDescription("Print a valid access token, refreshed if needed"),
  Command.withExamples([
    {
      command: `curl -H "Authorization: Bearer $(mcp-cli auth token notion)" https://mcp.notion.com/mcp`,
      description: "Use it in another program"
    }
  ])
)
