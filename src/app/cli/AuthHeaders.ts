import { Effect, Redacted } from "effect"
import { Command } from "effect/cli"
import { hasOwnAuthorization } from "../../domain/Server.ts"
import { bearerHeader, bearerToken } from "../http/BearerHeader.ts"
import { AccessTokens } from "../tokens/AccessTokens.ts"
import { accountAt, httpServer, resolvedName, serverName } from "./Arguments.ts"
import type { JsonOutput } from "./JsonOutput.ts"
import { printJson } from "./Output.ts"

/**
 * `mcp-cli auth headers NAME`: every header that a client must send, for clients that run a command for them. With or without
 * `--json` it prints the object that Claude Code takes from its `headersHelper`.
 */
export const headers = Command.make(
  "headers",
  { name: serverName },
  Effect.fn("cli.auth.headers")(function* ({ name: given }) {
    const name = yield* resolvedName(given)
    const server = yield* httpServer(name)
    const { account } = yield* accountAt(name)
    const configured = Object.entries(server.headers).map(([field, value]) => [field, Redacted.value(value)])
    const own: JsonOutput<"auth headers"> = Object.fromEntries(configured)
    if (hasOwnAuthorization(server)) return yield* printJson(own)
    const tokens = yield* AccessTokens.use((service) => service.get({ server, account }))
    const token = yield* bearerToken(tokens, { server: name, account })
    yield* printJson({ ...own, Authorization: bearerHeader(token) } satisfies JsonOutput<"auth headers">)
  })
).pipe(
  Command.withDescription("Print the headers of a request as JSON, with a valid token"),
  Command.withExamples([
    {
      command: "mcp-cli auth headers notion",
      description: "For an MCP client that runs a command for headers"
    }
  ])
)
