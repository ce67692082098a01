import { Effect } from "effect"
import { fitsPattern, fitsTool } from "../../../domain/chat/ToolRules.ts"
import { nearName } from "../../../domain/NearName.ts"
import { escapedLine } from "../../../domain/PrintableText.ts"
import { advice } from "../../../domain/Remedy.ts"
import type { McpTool } from "../../../ports/McpConnector.ts"
import { resolvedName } from "../Arguments.ts"
import { tellWarning } from "../Output.ts"
import { listed, quoted } from "../RemedyText.ts"
import { UsageError } from "../UsageError.ts"

const flag = (pattern: string): string => `--allow ${quoted(escapedLine(pattern))}`

/** A pattern with its server, or what is wrong with it. */
const withServer = (pattern: string, servers: ReadonlyArray<string>): string | UsageError => {
  if (pattern === "*" || servers.some((name) => pattern.startsWith(`${name}:`))) return pattern
  const [only = "SERVER"] = servers
  const colon = pattern.indexOf(":")
  if (colon < 0) {
    if (servers.length === 1) return `${only}:${pattern}`
    return new UsageError({
      problem: `${flag(pattern)} names no server.`,
      remedies: [advice(`Write SERVER:TOOL, such as ${flag(`${only}:${pattern}`)}`)]
    })
  }
  const [server, tool] = [pattern.slice(0, colon), pattern.slice(colon + 1)]
  if (servers.some((name) => fitsPattern(server, name))) return pattern
  const near = nearName(server, servers)
  return new UsageError({
    problem: `${flag(pattern)}: "${escapedLine(server)}" is no server of this conversation.`,
    remedies: [
      advice(near === undefined ? `It has ${listed(servers)}.` : `Did you mean ${flag(`${near}:${tool}`)}?`)
    ]
  })
}

/**
 * The tools that may run, as `SERVER:TOOL`. With one server the tool alone is enough. Fails for one of a server that is not in
 * the conversation: it would allow nothing.
 *
 * @param names the servers of the conversation, or their URLs
 */
export const allowedPatterns = Effect.fnUntraced(function* (
  names: ReadonlyArray<string>,
  allow: ReadonlyArray<string>
) {
  if (allow.length === 0) return allow
  const servers = [...new Set(yield* Effect.forEach(names, resolvedName))]
  return yield* Effect.forEach(allow, (pattern) => {
    const found = withServer(pattern, servers)
    return typeof found === "string" ? Effect.succeed(found) : Effect.fail(found)
  })
})

/** Warns of patterns that fit no tool of the servers that are connected. */
export const warnOfUnknownTools = Effect.fnUntraced(function* (
  allow: ReadonlyArray<string>,
  servers: ReadonlyArray<{ readonly name: string; readonly tools: ReadonlyArray<Pick<McpTool, "name">> }>
) {
  const names = servers.map(({ name }) => name)
  const tools = servers.flatMap((server) =>
    server.tools.map(({ name }) => ({ server: server.name, tool: name }))
  )
  for (const pattern of allow) {
    // A server that is not connected has been told of.
    const server = names.find((name) => pattern.startsWith(`${name}:`))
    if (server === undefined || tools.some((tool) => fitsTool(pattern, tool, names))) continue
    const own = tools.filter((tool) => tool.server === server).map(({ tool }) => tool)
    const near = nearName(pattern.slice(server.length + 1), own)
    yield* tellWarning(
      `${flag(pattern)} allows nothing: ${server} lists no such tool.`,
      ...(near === undefined ? [] : [`Did you mean ${flag(`${server}:${near}`)}?`])
    )
  }
})
