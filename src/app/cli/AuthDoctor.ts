import { Effect, type Layer, Stdio, Terminal } from "effect"
import { Command } from "effect/cli"
import { safeLine } from "../../domain/PrintableText.ts"
import { Doctor } from "../doctor/Doctor.ts"
import { type Finding, type Verdict, wrongBy } from "../doctor/Finding.ts"
import type { Configuration, ConfigurationError } from "../../ports/Configuration.ts"
import type { StorageError } from "../../ports/CredentialStore.ts"
import { accountAt, httpServer, serverName } from "./Arguments.ts"
import { print, printJson, wrapped } from "./Output.ts"
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
const checkWidth = 12

/** Column of the remedies, and of the text of a finding. */
const [remedyColumn, textColumn] = [width + 2, width + 2 + checkWidth + 2]

/** Columns of a terminal below which broken lines are not easier to read. */
const minColumns = 40

/** The findings as lines. The checks that an earlier problem makes impossible share one. */
const linesOf = (findings: ReadonlyArray<Finding>): ReadonlyArray<Verdict & { readonly title: string }> => {
  const impossible = findings.filter(({ status }) => status === "skipped")
  const names = impossible.map(({ check }) => check).join(", ")
  return findings.flatMap((finding) => {
    if (finding.status !== "skipped") return [{ ...finding, title: finding.check }]
    const what = `${names} (an earlier check failed)`
    return finding === impossible[0] ? [{ ...finding, title: "not checked", what }] : []
  })
}

/** Columns of the terminal that shows the output; 0 without a terminal. */
const columnsOfScreen = Effect.gen(function* () {
  const isScreen = yield* Stdio.Stdio.use(({ stdoutIsTerminal }) => stdoutIsTerminal)
  return isScreen ? yield* Terminal.Terminal.use(({ columns }) => columns) : 0
})

const examine = Effect.fnUntraced(function* (name: string, account: string) {
  yield* showWarnings(name)
  const server = yield* httpServer(name)
  return yield* Doctor.use((service) => service.examine(server, account))
})

/** Shows the findings, and fails if something is wrong. */
const report = Effect.fnUntraced(function* (name: string, account: string, findings: ReadonlyArray<Finding>) {
  const configFile = yield* configFileOfRun
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
    const columns = yield* columnsOfScreen
    // Output for another program is not broken into lines.
    const lines = (
      text: string,
      indent: number
    ): readonly [first: string, ...others: ReadonlyArray<string>] => {
      const [first = "", ...others] = columns < minColumns ? [text] : wrapped(text, columns - indent)
      return [first, ...others.map((line) => " ".repeat(indent) + line)]
    }
    for (const { remedies, status, title, what } of linesOf(findings)) {
      const [word, colour] = marks[status]
      const [first, ...others] = lines(safeLine(`${what}.`), textColumn)
      const mark = { style: colour, text: word.padEnd(width) }
      yield* print([mark, `  ${title.padEnd(checkWidth)}  ${first}`], ...others)
      for (const remedy of remedies) {
        const text = remedyText(remedy, configFile)
        // A command stays on one line, so that it can be copied.
        const [start, ...rest] = remedy._tag === "Command" ? [text] : lines(text, remedyColumn + 3)
        yield* print(`${" ".repeat(remedyColumn)}-> ${start}`, ...rest)
      }
    }
  }
  if (count > 0) return yield* new ProblemsFound({ server: name, account, count })
})

/** `mcp-cli auth doctor NAME` */
export const doctor = <R>(
  examination: Layer.Layer<Configuration | Doctor, ConfigurationError | StorageError, R>
) =>
  Command.make(
    "doctor",
    { name: serverName },
    Effect.fn("cli.auth.doctor")(function* ({ name }) {
      const { account } = yield* accountAt(name)
      const findings = yield* examine(name, account).pipe(
        Effect.provide(examination),
        // A configuration that cannot be used is the first thing to examine.
        Effect.catchTag("ConfigurationError", (error) =>
          Effect.succeed([{ check: "configuration" as const, ...wrongBy(error) }])
        )
      )
      yield* report(name, account, findings)
    })
  ).pipe(
    Command.withDescription("Examine everything that a sign-in needs, without signing in"),
    Command.withExamples([
      {
        command: "mcp-cli auth doctor notion",
        description: "What is right, what is wrong, and how to fix it"
      },
      { command: "mcp-cli auth doctor notion --json", description: "The same for programs" }
    ])
  )
