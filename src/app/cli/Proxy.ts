import { Argument, Command } from "effect/cli"
import { proxyHttp, proxyHttpFlags } from "./ProxyHttp.ts"

/** `mcp-cli proxy NAME --port PORT` */
export const proxy = Command.make(
  "proxy",
  {
    name: Argument.String("NAME").pipe(
      Argument.withDescription("A server of the configuration (mcp-cli servers lists them), or a URL"),
      Argument.optional
    ),
    ...proxyHttpFlags
  },
  proxyHttp
).pipe(
  Command.withDescription("Serve a server to MCP clients that do not sign in"),
  Command.withExamples([
    { command: "mcp-cli proxy notion --port 8700", description: "At http://127.0.0.1:8700/mcp" },
    { command: "mcp-cli proxy --all --port 8700", description: "Each server at /NAME" }
  ])
)
