import { Effect, type Layer } from "effect"
import { Argument, Command } from "effect/cli"
import { command } from "../../domain/Remedy.ts"
import type { ChatModels } from "../../ports/ChatModels.ts"
import { Configuration } from "../../ports/Configuration.ts"
import { LineEditor } from "../../ports/LineEditor.ts"
import type { ServerQuestions } from "../../ports/ServerRequests.ts"
import type { Chat } from "../chat/Chat.ts"
import { askCommand } from "./Ask.ts"
import { chatFlags, conversationFlags } from "./ModelFlags.ts"
import { remedyText } from "./RemedyText.ts"
import { tell } from "./Output.ts"
import { interactiveSession } from "./Session.ts"
import { configFileOfRun } from "./Settings.ts"
import { UsageError } from "./UsageError.ts"

/** `mcp-cli chat [NAME...]` */
export const chat = <E, R>(layer: () => Layer.Layer<Chat | ChatModels | ServerQuestions, E, R>) =>
  Command.make(
    "chat",
    {
      names: Argument.String("NAME").pipe(
        Argument.withDescription("Servers of the configuration; without one, all of them"),
        Argument.variadic()
      ),
      ...chatFlags
    },
    Effect.fn("cli.chat")(function* ({ names, ...flags }) {
      const all =
        names.length > 0
          ? names
          : (yield* Configuration.use((configuration) => configuration.servers)).map(({ name }) => name)
      const [first, ...others] = all
      if (first === undefined) {
        return yield* new UsageError({
          problem: "The configuration has no server.",
          remedies: [command("add", { purpose: "add one" })]
        })
      }
      if (!(yield* LineEditor).isInteractive && conversationFlags(flags).length === 0) {
        yield* tell(
          "Without a terminal this is a session of commands, which are read from stdin.",
          remedyText(askCommand(all, "your question"), yield* configFileOfRun)
        )
      }
      yield* interactiveSession([first, ...others], flags, layer)
    })
  ).pipe(
    Command.withDescription("Talk to a model, which may use the tools of servers"),
    Command.withExamples([
      { command: "mcp-cli chat", description: "With all servers of the configuration" },
      { command: "mcp-cli chat notion linear", description: "With these" },
      { command: "mcp-cli chat notion --model ollama:qwen3", description: "With a model on this machine" }
    ])
  )
