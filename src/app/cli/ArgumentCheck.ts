import { Effect } from "effect"
import { advice, command } from "../../domain/Remedy.ts"
import { printable, safeLine } from "../../domain/PrintableText.ts"
import { nearName } from "../../domain/NearName.ts"
import { argumentProblemText } from "../../domain/ArgumentProblemText.ts"
import { toolArguments } from "../../domain/ToolArgument.ts"
import { argumentProblems } from "../../domain/ToolSchema.ts"
import type { McpTool } from "../../ports/McpConnector.ts"
import type { WrittenArguments } from "./Arguments.ts"
import { tell } from "./Output.ts"
import { listed } from "./RemedyText.ts"
import { UsageError } from "./UsageError.ts"

/** How a user sends a call that the check of its arguments refuses. */
const wayOut = advice("To send it all the same, add --no-check.")

/**
 * Refuses arguments that the schema of a tool certainly does not allow, with a line for each, and warns of those that it does
 * not list.
 */
export const checkArguments = Effect.fnUntraced(function* (
  server: string,
  { inputSchema, name }: McpTool,
  { given, malformed }: WrittenArguments
) {
  const shown = printable(name)
  const problems = argumentProblems(inputSchema, given).map((problem) => argumentProblemText(shown, problem))
  if (problems.length + malformed.length > 0) {
    return yield* new UsageError({
      problem: [...new Set([...malformed, ...problems])].map(printable).join("\n"),
      remedies: [command("tools", { server, operand: name, purpose: "see its arguments" }), wayOut]
    })
  }
  const { additionalProperties, patternProperties } = inputSchema
  const names = toolArguments(inputSchema).map((argument) => argument.name)
  if (names.length === 0 || additionalProperties !== undefined || patternProperties !== undefined) return
  const others = Object.keys(given).filter((key) => !names.includes(key))
  if (others.length === 0) return
  yield* tell(
    `mcp-cli: ${shown} does not list ${others.map(safeLine).join(", ")} among its arguments, and may ignore ${others.length === 1 ? "it" : "them"}.`
  )
})

/** Tools that a message names: as many as a line or two have. */
const maxNamed = 10

/** The command that lists the tools of a server. */
export const seeTools = (server: string) => command("tools", { server, purpose: "see its tools" })

/** Says which tools a server lists, where it has none of this name. */
export const unlistedTool = (server: string, name: string, tools: ReadonlyArray<string>) => {
  const named = tools.slice(0, maxNamed).map(printable)
  const rest = tools.length - named.length
  const all = rest === 0 ? named : [...named, `${rest} others`]
  return advice(
    `${server} lists no tool ${printable(name)}. ${all.length === 0 ? "It lists none." : `It lists ${listed(all)}.`}`
  )
}

/** The tool of this name. Undefined: it is not listed, and the server may have it all the same. */
export const listedTool = Effect.fnUntraced(function* (
  server: string,
  tools: ReadonlyArray<McpTool>,
  name: string
) {
  const found = tools.find((tool) => tool.name === name)
  const near =
    found === undefined
      ? nearName(
          name,
          tools.map((tool) => tool.name)
        )
      : undefined
  // Short names are often near: "wait" is two edits from "fail".
  if (near === undefined || near.charAt(0) !== name.charAt(0)) return found
  return yield* new UsageError({
    problem: `${server} lists no tool ${printable(name)}. Did you mean ${printable(near)}?`,
    remedies: [seeTools(server), wayOut]
  })
})
