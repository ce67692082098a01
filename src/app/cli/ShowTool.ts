import { Effect } from "effect"
import { nearName } from "../../domain/NearName.ts"
import { escapedLine, printable, safeText } from "../../domain/PrintableText.ts"
import { type ToolArgument, toolArguments } from "../../domain/ToolSchema.ts"
import { Display } from "../../ports/Display.ts"
import type { McpTool } from "../../ports/McpConnector.ts"
import type { OpenSession } from "../session/ServerSession.ts"
import { seeTools, unlistedTool } from "./ArgumentCheck.ts"
import { firstLine, print, printJson, printTable } from "./Output.ts"
import { Json } from "./Settings.ts"
import { wrapped } from "./TextWidth.ts"
import { UsageError } from "./UsageError.ts"

const row = ({ description, name, required, type, ...rest }: ToolArgument): ReadonlyArray<string> => [
  escapedLine(name),
  type,
  required ? "required" : "default" in rest ? `default ${JSON.stringify(rest.default)}` : "optional",
  (description ?? "").trim()
]

/** A tool: its description, and each argument with type, choices, default, and whether it is required. */
const toolText = Effect.fnUntraced(function* ({ description, inputSchema, name, title }: McpTool) {
  const heading = escapedLine(name) + (title === undefined || title === name ? "" : `: ${firstLine(title)}`)
  const { columns } = yield* Display
  const whole = description === undefined ? [] : safeText(description).trim().split("\n")
  const lines = columns === undefined ? whole : whole.flatMap((line) => wrapped(line, columns - 2))
  const listed = toolArguments(inputSchema)
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
