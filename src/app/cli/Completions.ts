import { Effect } from "effect"
import { Argument, Command } from "effect/cli"
import { shells } from "./completion/ShellLine.ts"
import { print } from "./Output.ts"

/** `mcp-cli completions SHELL` */
export const completions = Command.make(
  "completions",
  {
    shell: Argument.Literals("SHELL", shells).pipe(Argument.withDescription("bash, zsh, fish or powershell"))
  },
  Effect.fn("cli.completions")(function* ({ shell }) {
    const { scripts } = yield* Effect.promise(() => import("./completion/ShellScripts.ts"))
    yield* print(...scripts[shell].trimEnd().split("\n"))
  })
).pipe(
  Command.withDescription("Print what a shell needs to complete commands, servers and tools"),
  Command.withExamples([
    { command: 'eval "$(mcp-cli completions bash)"', description: "In ~/.bashrc; zsh alike, in ~/.zshrc" },
    { command: "mcp-cli completions fish | source", description: "In ~/.config/fish/config.fish" },
    {
      command: "mcp-cli completions powershell | Out-String | Invoke-Expression",
      description: "In $PROFILE"
    }
  ])
)
