import { Effect } from "effect"
import { Argument, Command } from "effect/cli"
import { advice, command } from "../../domain/Remedy.ts"
import { modelFlags } from "./ModelFlags.ts"
import { UsageError } from "./UsageError.ts"

/** What a user does whose question came without a terminal. */
export const askCommand = (servers: ReadonlyArray<string>, question: string) =>
  command("ask", { line: [...servers, question], purpose: "ask a model without a terminal" })

/** `mcp-cli ask NAME... QUESTION` */
export const ask = Command.make(
  "ask",
  {
    words: Argument.String("NAME").pipe(
      Argument.withDescription("Servers of the configuration, and the question as the last word"),
      Argument.variadic()
    ),
    ...modelFlags
  },
  Effect.fn("cli.ask")(function* ({ words, ...flags }) {
    const question = words.at(-1)
    const [first, ...others] = words.slice(0, -1)
    if (first === undefined || question === undefined || question.trim() === "") {
      return yield* new UsageError({
        problem: "ask needs at least one server, and the question as its last word.",
        remedies: [advice('Such as: mcp-cli ask notion "list my pages"')]
      })
    }
    const { askOnce } = yield* Effect.promise(() => import("./chat/AskOnce.ts"))
    yield* askOnce([first, ...others], question, flags)
  })
).pipe(
  Command.withDescription("Ask a model once, which may use the tools of servers"),
  Command.withExamples([
    { command: 'mcp-cli ask notion "list my pages"', description: "Only the answer goes to stdout" },
    {
      command: 'git log -20 | mcp-cli ask notion linear "which issues do these fix?"',
      description: "With what is piped in as context"
    },
    {
      command: 'mcp-cli ask notion "list my pages" --allow notion:search --json',
      description: "For scripts: a tool that may run, and events as JSON Lines"
    }
  ])
)
