import { Console, Effect } from "effect"
import { Command, TerminalCapabilities } from "effect/cli"
import { Doctor, type Finding } from "../doctor/Doctor.ts"
import { accountAt, httpServer, serverName } from "./Arguments.ts"
import { printJson } from "./Output.ts"
import { Json } from "./Settings.ts"
import { ProblemsFound } from "./UsageError.ts"
import { showWarnings } from "./Warnings.ts"

/** How a verdict is told: by a word, and by a colour where there are any. */
const marks: Readonly<Record<Finding["verdict"], readonly [word: string, colour: number]>> = {
  right: ["ok", 32],
  wrong: ["WRONG", 31],
  note: ["note", 33],
  "not reached": ["-", 2]
}

const width = Math.max(...Object.values(marks).map(([word]) => word.length))

/** `mcp-cli auth doctor NAME` */
export const doctor = Command.make(
  "doctor",
  { name: serverName },
  Effect.fn("cli.auth.doctor")(function* ({ name }) {
    yield* showWarnings
    const server = yield* httpServer(name)
    const { account } = yield* accountAt(name)
    const findings = yield* Doctor.use((service) => service.examine(server, account))
    const problems = findings.filter(({ verdict }) => verdict === "wrong").length
    if (yield* Json) {
      yield* printJson({ server: name, account, healthy: problems === 0, findings })
    } else {
      const { canColor } = yield* TerminalCapabilities.TerminalCapabilities
      for (const { check, fix, said, verdict } of findings) {
        const [word, colour] = marks[verdict]
        const mark = word.padEnd(width)
        const shown = canColor ? `\u001b[${colour}m${mark}\u001b[0m` : mark
        yield* Console.log(`${shown}  ${check.padEnd(12)}  ${said}.`)
        if (fix !== undefined) yield* Console.log(`${" ".repeat(width + 16)}-> ${fix}`)
      }
    }
    if (problems > 0) return yield* new ProblemsFound({ server: name, account, count: problems })
  })
).pipe(
  Command.withDescription("Examine everything that a sign-in needs, without one"),
  Command.withExamples([
    { command: "mcp-cli auth doctor notion", description: "What is right, what is wrong, and what mends it" },
    { command: "mcp-cli auth doctor notion --json", description: "The same for programs" }
  ])
)
