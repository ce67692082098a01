import { Effect, Option } from "effect"
import { isSafeLine } from "../../domain/PrintableText.ts"
import { LineEditor } from "../../ports/LineEditor.ts"
import { accountAt, nameOf } from "./Arguments.ts"
import { firstLine, tell, tellError } from "./Output.ts"
import { completions, runLine, type SessionContext } from "./SessionCommands.ts"
import { commandsIn } from "./SessionWords.ts"
import { configFileOfRun } from "./Settings.ts"
import { shortened } from "./TextWidth.ts"
import { withSession } from "./WithSession.ts"

/** Completes a line. The editor shows names as they are, so one that could rewrite the screen is left out. */
const complete = (context: SessionContext) => (line: string) =>
  Effect.map(completions(context, line), ({ found, word }) => ({ word, found: found.filter(isSafeLine) }))

/** An interactive session with a server: one command per line, until `/quit` or the end of the input. */
export const interactiveSession = (name: string) =>
  withSession(name, (session) =>
    Effect.gen(function* () {
      const editor = yield* LineEditor
      const configFile = yield* configFileOfRun
      const { server } = session
      const shown = nameOf(yield* accountAt(name))
      yield* tell(
        `Connected to ${firstLine(server.name)} ${firstLine(server.version)} (MCP ${firstLine(server.protocol)}).`
      )
      const tools = yield* session.tools
      yield* tell(
        tools.length === 0
          ? "It has no tools. /help lists the commands."
          : `${tools.length} tool${tools.length === 1 ? "" : "s"}: ${shortened(tools.map((tool) => firstLine(tool.name)).join(", "))}. /help lists the commands.`
      )
      const context: SessionContext = {
        session,
        server: name,
        tools,
        resources: yield* Effect.cached(Effect.orElseSucceed(session.resources, () => [])),
        prompts: yield* Effect.cached(Effect.orElseSucceed(session.prompts, () => []))
      }
      const { isInteractive } = editor
      for (;;) {
        const line = yield* editor.read(`${shown}> `, complete(context))
        if (Option.isNone(line)) return
        for (const text of commandsIn(line.value)) {
          const goesOn = yield* editor.cancellable(runLine(context, text)).pipe(
            Effect.flatMap((ended) =>
              Option.isSome(ended) ? Effect.succeed(ended.value) : Effect.as(tell("Cancelled."), true)
            ),
            // A user reads what went wrong and goes on. A script stops at the first error.
            Effect.catchIf(
              () => isInteractive,
              (error) => Effect.as(tellError(error, configFile), true)
            )
          )
          if (!goesOn) return
        }
      }
    }).pipe(Effect.ensuring(LineEditor.use(({ end }) => end)))
  )
