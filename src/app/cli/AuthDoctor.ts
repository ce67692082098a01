import { Console, Effect } from "effect"
import { Command, TerminalCapabilities } from "effect/cli"
import { Doctor, type Finding } from "../doctor/Doctor.ts"
import { accountAt, httpServer, serverName } from "./Arguments.ts"
import { printJson } from "./Output.ts"
import { remediesJson, remedyText } from "./RemedyText.ts"
import { configFileOfRun, Json } from "./Settings.ts"
import { ProblemsFound } from "./UsageError.ts"
import { showWarnings } from "./Warnings.ts"

/** A status as a word, and as a colour if the terminal has any. */
const marks: Readonly<Record<Finding["status"], readonly [word: string, colour: number]>> = {
  ok: ["ok", 32],
  wrong: ["WRONG", 31],
  note: ["note", 33],
  skipped: ["-", 2]
}

const width = Math.max(...Object.values(marks).map(([word]) => word.length))
const indent = " ".repeat(width + 2)

/** `mcp-cli auth doctor NAME` */
export const doctor = Command.make(
  "doctor",
  { name: serverName },
  Effect.fn("cli.auth.doctor")(function* ({ name }) {
    yield* showWarnings
    const server = yield* httpServer(name)
    const { account } = yield* accountAt(name)
    const configFile = yield* configFileOfRun
    const findings = yield* Doctor.use((service) => service.examine(server, account))
    const count = findings.filter(({ status }) => status === "wrong").length
    if (yield* Json) {
      yield* printJson({
        server: name,
        account,
        healthy: count === 0,
        findings: findings.map((finding) => ({
          ...finding,
          remedies: remediesJson(finding.remedies, configFile)
        }))
      })
    } else {
      const { canColor } = yield* TerminalCapabilities.TerminalCapabilities
      for (const { check, remedies, status, what } of findings) {
        const [word, colour] = marks[status]
        const mark = word.padEnd(width)
        const shown = canColor ? `\u001b[${colour}m${mark}\u001b[0m` : mark
        yield* Console.log(`${shown}  ${check.padEnd(12)}  ${what}.`)
        for (const remedy of remedies) yield* Console.log(`${indent}-> ${remedyText(remedy, configFile)}`)
      }
    }
    if (count > 0) return yield* new ProblemsFound({ server: name, account, count })
  })
).pipe(
  Command.withDescription("Examine everything that a sign-in needs, without signing in"),
  Command.withExamples([
    { command: "mcp-cli auth doctor notion", description: "What is right, what is wrong, and how to fix it" },
    { command: "mcp-cli auth doctor notion --json", description: "The same for programs" }
  ])
)
