import { Effect, type Layer, Result } from "effect"
import { Command } from "effect/cli"
import { Doctor } from "../doctor/Doctor.ts"
import { type Finding, note, ok, wrongBy } from "../doctor/Finding.ts"
import type { StdioServer } from "../../domain/Server.ts"
import { ServerSession } from "../session/ServerSession.ts"
import type { Configuration, ConfigurationError } from "../../ports/Configuration.ts"
import type { StorageError } from "../../ports/CredentialStore.ts"
import type { ServerSecrets } from "../../ports/ServerSecrets.ts"
import { Display } from "../../ports/Display.ts"
import { accountAt, refuseUserInformation, serverName } from "./Arguments.ts"
import { doctorReport } from "./DoctorReport.ts"
import type { JsonOutput } from "./JsonOutput.ts"
import { firstLine, print, printJson } from "./Output.ts"
import { remediesJson } from "./RemedyText.ts"
import { configFileOfRun, Json, Verbose } from "./Settings.ts"
import { ProblemsFound } from "./UsageError.ts"
import { usableServer } from "./UsableServer.ts"
import { showWarnings } from "./Warnings.ts"

/** Starts a program, or fails with what prevents that. */
const start = (server: StdioServer) =>
  ServerSession.use((sessions) => sessions.open(server)).pipe(
    Effect.map((session) => session.server),
    Effect.scoped
  )

/** Examines a program on this machine, which has no sign-in: it starts, and speaks MCP. */
const examineProgram = Effect.fnUntraced(function* (server: StdioServer) {
  const started = yield* Effect.result(start(server))
  const verdict = Result.match(started, {
    onFailure: wrongBy,
    onSuccess: ({ name, protocol, version }) =>
      ok(`it starts, and answers as ${firstLine(name)} ${firstLine(version)} (MCP ${firstLine(protocol)})`)
  })
  return [
    { check: "server", ...verdict },
    { check: "sign-in", ...note('none: a program on this machine takes its credentials from "env"') }
  ] satisfies ReadonlyArray<Finding>
})

const examine = Effect.fnUntraced(function* <R>(name: string, account: string, sessions: () => Sessions<R>) {
  yield* showWarnings(name)
  const server = yield* usableServer(name)
  if (server._tag === "Stdio") return yield* Effect.provide(examineProgram(server), sessions())
  return yield* Doctor.use((service) => service.examine(server, account))
})

type Sessions<R> = Layer.Layer<ServerSession, ConfigurationError | StorageError, R>

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
    } satisfies JsonOutput<"auth doctor">)
  } else {
    const { columns } = yield* Display
    const verbose = (yield* Verbose) > 0
    yield* print(...doctorReport(findings, { columns, configFile, verbose }))
  }
  if (count > 0) return yield* new ProblemsFound({ server: name, account, count })
})

/**
 * `mcp-cli auth doctor NAME`
 *
 * @param sessions what opens a session with a program; other runs do not load it
 */
export const doctor = <R>(
  examination: Layer.Layer<Configuration | Doctor | ServerSecrets, ConfigurationError | StorageError, R>,
  sessions: () => Sessions<R>
) =>
  Command.make(
    "doctor",
    { name: serverName },
    Effect.fn("cli.auth.doctor")(function* ({ name }) {
      yield* refuseUserInformation(name)
      const { account } = yield* accountAt(name)
      const findings = yield* examine(name, account, sessions).pipe(
        Effect.provide(examination),
        // A configuration that cannot be used is the first thing to examine.
        Effect.catchTag(["ConfigurationError", "SecretMissing", "SecretBoundElsewhere"], (error) =>
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
      {
        command: "mcp-cli auth doctor notion -v",
        description: "With what was found where all is right, and each request"
      },
      { command: "mcp-cli auth doctor notion --json", description: "The same for programs" }
    ])
  )
