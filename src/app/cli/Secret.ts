import { Command } from "effect/cli"

/** `mcp-cli secret` */
export const secret = Command.make("secret").pipe(
  Command.withDescription("Store the secrets that entries of servers refer to"),
  Command.withExamples([
    { command: "mcp-cli secret set github API_KEY", description: "Store one: it is asked for" },
    { command: "mcp-cli secret list", description: "Which are stored" }
  ])
)
