import { Effect } from "effect"
import { Argument, Command } from "effect/cli"
import { nearName } from "../../domain/NearName.ts"
import { printable } from "../../domain/PrintableText.ts"
import { command } from "../../domain/Remedy.ts"
import type { OpenSession } from "../session/ServerSession.ts"
import { notAssigned, serverName } from "./Arguments.ts"
import { checkOutput, deliver, outputFlags } from "./ContentFiles.ts"
import { UsageError } from "./UsageError.ts"
import { withSession } from "./WithSession.ts"

/** The messages of a prompt with `name=value` arguments, all of which are text (MCP "Prompts"). */
export const getAssigned = Effect.fnUntraced(function* (
  server: string,
  session: OpenSession,
  prompt: string,
  assignments: ReadonlyArray<string>
) {
  const given: Record<string, string> = Object.create(null)
  const malformed: Array<string> = []
  for (const assignment of assignments) {
    const equals = assignment.indexOf("=")
    if (equals < 1) malformed.push(notAssigned(assignment))
    else given[assignment.slice(0, equals)] = assignment.slice(equals + 1)
  }
  const listed = (yield* session.prompts).find(({ name }) => name === prompt)
  const names = listed?.arguments.map(({ name }) => name) ?? []
  const problems = [
    ...malformed,
    ...Object.keys(given)
      .filter((name) => listed !== undefined && !names.includes(name))
      .map((name) => {
        const near = nearName(name, names)
        return `${prompt} has no argument ${name}.${near === undefined ? "" : ` Did you mean ${near}?`}`
      }),
    ...(listed?.arguments ?? [])
      .filter(({ name, required }) => required && !Object.hasOwn(given, name))
      .map(({ name }) => `${prompt} needs the argument ${name}.`)
  ]
  if (problems.length > 0) {
    return yield* new UsageError({
      problem: problems.map(printable).join("\n"),
      remedies: [command("prompts", { server, purpose: "see its prompts and their arguments" })]
    })
  }
  return yield* session.prompt(prompt, { ...given })
})

/** `mcp-cli prompt NAME PROMPT` */
export const prompt = Command.make(
  "prompt",
  {
    name: serverName,
    prompt: Argument.String("PROMPT").pipe(
      Argument.withDescription("A prompt of the server (mcp-cli prompts lists them)")
    ),
    assignments: Argument.String("key=value").pipe(
      Argument.withDescription("Arguments of the prompt"),
      Argument.variadic()
    ),
    ...outputFlags
  },
  Effect.fn("cli.prompt")(function* ({ assignments, name, prompt: promptName, ...output }) {
    yield* checkOutput(output)
    yield* withSession(name, (session) =>
      Effect.flatMap(getAssigned(name, session, promptName, assignments), (answer) => deliver(answer, output))
    )
  })
).pipe(
  Command.withDescription("Show the messages of a prompt of a server"),
  Command.withExamples([
    { command: "mcp-cli prompt notion summarize page=Roadmap", description: "With its arguments" }
  ])
)
