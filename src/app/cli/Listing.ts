import { Effect, Option } from "effect"
import { Argument, Command } from "effect/cli"
import { escapedLine } from "../../domain/PrintableText.ts"
import type { McpPrompt, McpResource, McpTool } from "../../ports/McpConnector.ts"
import type { OpenSession } from "../session/ServerSession.ts"
import { serverName } from "./Arguments.ts"
import type { JsonOutput } from "./JsonOutput.ts"
import { argumentsOf, wholeFirstLine, printJson, printTable, tell } from "./Output.ts"
import { Json } from "./Settings.ts"
import { showTool } from "./ShowTool.ts"
import { withSession } from "./WithSession.ts"

/** Something that a server lists, and how it is shown. */
interface Listing<A> {
  readonly noun: "tools" | "resources" | "prompts"
  readonly itemsOf: (
    session: OpenSession
  ) => Effect.Effect<ReadonlyArray<A>, Effect.Error<OpenSession["tools"]>>
  readonly head: ReadonlyArray<string>
  readonly row: (item: A) => ReadonlyArray<string>
}

/** The tools of a server. */
export const toolListing: Listing<McpTool> = {
  noun: "tools",
  itemsOf: (session) => session.tools,
  head: ["TOOL", "ARGUMENTS", "DESCRIPTION"],
  row: (tool) => [
    escapedLine(tool.name),
    argumentsOf(tool.inputSchema),
    wholeFirstLine(tool.description ?? tool.title)
  ]
}

/** The resources of a server. */
export const resourceListing: Listing<McpResource> = {
  noun: "resources",
  itemsOf: (session) => session.resources,
  head: ["URI", "NAME", "DESCRIPTION"],
  row: ({ description, name, uri }) => [escapedLine(uri), wholeFirstLine(name), wholeFirstLine(description)]
}

/** The prompts of a server. */
export const promptListing: Listing<McpPrompt> = {
  noun: "prompts",
  itemsOf: (session) => session.prompts,
  head: ["PROMPT", "ARGUMENTS", "DESCRIPTION"],
  row: (prompt) => [
    escapedLine(prompt.name),
    prompt.arguments.map(({ name, required }) => escapedLine(name) + (required ? "" : "?")).join(" "),
    wholeFirstLine(prompt.description)
  ]
}

/** Prints what a server lists as a table. */
export const printListing = Effect.fnUntraced(function* <A>(
  { head, itemsOf, noun, row }: Listing<A>,
  session: OpenSession,
  server: string
) {
  const items = yield* itemsOf(session)
  if (items.length === 0) return yield* tell(`${server} has no ${noun}.`)
  yield* printTable([head, ...items.map(row)])
})

const listCommand = <A extends JsonOutput<Noun>[number], Noun extends Listing<A>["noun"]>(
  listing: Listing<A> & { readonly noun: Noun }
) =>
  Command.make(
    listing.noun,
    { name: serverName },
    Effect.fn(`cli.${listing.noun}`)(({ name }) =>
      withSession(name, (session) =>
        Effect.gen(function* () {
          if (yield* Json) return yield* printJson(yield* listing.itemsOf(session))
          yield* printListing(listing, session, name)
        })
      )
    )
  ).pipe(Command.withDescription(`List the ${listing.noun} of a server`))

/** `mcp-cli tools NAME [TOOL]` */
export const tools = Command.make(
  "tools",
  {
    name: serverName,
    tool: Argument.String("TOOL").pipe(
      Argument.withDescription("Show this tool with its arguments"),
      Argument.optional
    )
  },
  Effect.fn("cli.tools")(({ name, tool }) =>
    withSession(name, (session) =>
      Effect.gen(function* () {
        if (Option.isSome(tool)) return yield* showTool(name, session, tool.value)
        if (yield* Json) return yield* printJson(yield* session.tools)
        yield* printListing(toolListing, session, name)
      })
    )
  )
).pipe(
  Command.withDescription("List the tools of a server, or show one"),
  Command.withExamples([
    {
      command: "mcp-cli tools notion",
      description: "Names, arguments (? may be left out), and what they do"
    },
    { command: "mcp-cli tools notion search", description: "One tool: each argument with its type" },
    { command: "mcp-cli tools notion --json", description: "With the schemas of their arguments" }
  ])
)

/** `mcp-cli resources NAME` */
export const resources = listCommand(resourceListing).pipe(
  Command.withExamples([{ command: "mcp-cli resources notion", description: "URIs and names" }])
)

/** `mcp-cli prompts NAME` */
export const prompts = listCommand(promptListing).pipe(
  Command.withExamples([{ command: "mcp-cli prompts notion", description: "Names and arguments" }])
)
