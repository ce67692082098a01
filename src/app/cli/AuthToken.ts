import { Clock, Effect, Redacted } from "effect"
import { Command, Flag } from "effect/cli"
import { AccessTokens } from "../tokens/AccessTokens.ts"
import { bearerHeader, bearerToken } from "../http/BearerHeader.ts"
import { accountAt, httpServer, resolvedName, serverName } from "./Arguments.ts"
import type { JsonOutput } from "./JsonOutput.ts"
import { isoTime, print, printJson } from "./Output.ts"
import { Json } from "./Settings.ts"

/** `mcp-cli auth token NAME`: the only command that shows a token. */
export const token = Command.make(
  "token",
  {
    name: serverName,
    header: Flag.Boolean("header").pipe(
      Flag.withDescription("Print the whole header (with --json: an object of headers)"),
      Flag.withDefault(false)
    )
  },
  Effect.fn("cli.auth.token")(function* ({ header, name: given }) {
    const name = yield* resolvedName(given)
    const server = yield* httpServer(name)
    const { account } = yield* accountAt(name)
    const tokens = yield* AccessTokens.use((service) => service.get({ server, account }))
    const json = yield* Json
    // JSON names the type of the token. Plain text and the header can only be a bearer token.
    const whose = { server: name, account }
    if (header) {
      const authorization = bearerHeader(yield* bearerToken(tokens, whose))
      // Other MCP clients accept this object from a program that makes headers (`headersHelper`).
      if (json)
        return yield* printJson({ Authorization: authorization } satisfies JsonOutput<"auth token --header">)
      return yield* print(`Authorization: ${authorization}`)
    }
    if (!json) return yield* print(Redacted.value(yield* bearerToken(tokens, whose)))
    const { accessToken } = tokens
    const expiresAt = tokens.expiryAt(yield* Clock.currentTimeMillis)
    yield* printJson({
      accessToken: Redacted.value(accessToken),
      tokenType: tokens.tokenType,
      expiresAt: expiresAt === undefined ? null : isoTime(expiresAt)
    } satisfies JsonOutput<"auth token">)
  })
).pipe(
  Command.withDescription("Print a valid access token, refreshed if needed"),
  Command.withExamples([
    {
      command: `curl -H "$(mcp-cli auth token notion --header)" https://mcp.notion.com/mcp`,
      description: "Use it in another program"
    },
    {
      command: "mcp-cli auth token notion --header --json",
      description: `Print {"Authorization": "Bearer ..."}, for programs that run a command for headers`
    }
  ])
)
