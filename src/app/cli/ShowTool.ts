import { Effect } from "effect"
import { nearName } from "../../domain/NearName.ts"
import { escapedLine, printable, safeText } from "../../domain/PrintableText.ts"
import { type NamedArgument, namedArguments } from "../../domain/ToolArgument.ts"
import { Display } from "../../ports/Display.ts"
import type { McpTool } from "../../ports/McpConnector.ts"
import type { OpenSession } from "../session/ServerSession.ts"
import { seeTools, unlistedTool } from "./ArgumentCheck.ts"
import { firstLine, print, printJson, printTable } from "./Output.ts"
import { Json } from "./Settings.ts"
import { wrapped } from "./TextWidth.ts"
import { UsageError } from "./UsageError.ts"

/** Whether an argument has to be given. A member has to only where what it is a member of is given. */
const needText = ({ required, within, ...rest }: NamedArgument): string => {
  if (required) return within === undefined ? "required" : `required in ${escapedLine(within)}`
  return "default" in rest ? `default ${JSON.stringify(rest.default)}` : "optional"
}

const row = (argument: NamedArgument): ReadonlyArray<string> => [
  escapedLine(argument.name),
  argument.type,
  needText(argument),
  (argument.description ?? "").trim()
]

/** A tool: its description, and each argument and its members with type, choices, default, and whether it is required. */
const toolText = Effect.fnUntraced(function* ({ description, inputSchema, name, title }: McpTool) {
  const heading = escapedLine(name) + (title === undefined || title === name ? "" : `: ${firstLine(title)}`)
  const { columns } = yield* Display
  const whole = description === undefined ? [] : safeText(description).trim().split("\n")
  const lines = columns === undefined ? whole : whole.flatMap((line) => wrapped(line, columns - 2))
  const listed = namedArguments(inputSchema)
  yield* print(heading, ...lines.map((line) => `  ${line}`.trimEnd()), "")
  if (listed.length === 0) return yield* print("It lists no arguments.")
  yield* printTable([["ARGUMENT", "TYPE", "", "WHAT IT IS"], ...listed.map(row)], { isWhole: true })
})

/** Prints one tool of a server. */
export const showTool = Effect.fnUntraced(function* (server: string, session: OpenSession, name: string) {
  const tools = yield* session.tools
  const found = tools.find((tool) => tool.name === name)
  if (found === undefined) {
    const near = nearName(
      name,
      tools.map((tool) => tool.name)
    )
    return yield* new UsageError({
      problem:
        near === undefined
          ? unlistedTool(
              server,
              name,
              tools.map((tool) => tool.name)
            ).text
          : `${server} lists no tool ${printable(name)}. Did you mean ${printable(near)}?`,
      remedies: [seeTools(server)]
    })
  }
  if (yield* Json) yield* printJson(found)
  else yield* toolText(found)
})
