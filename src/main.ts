import * as NodeFileSystem from "@effect/platform-node/NodeFileSystem"
import * as NodePath from "@effect/platform-node/NodePath"
import * as NodeStdio from "@effect/platform-node/NodeStdio"
import * as NodeTerminal from "@effect/platform-node/NodeTerminal"
import { Effect, Layer, Logger, Ref } from "effect"
import { CliError, CliOutput, Command, TerminalCapabilities } from "effect/cli"
import { ChildProcessSpawner } from "effect/process"
import packageJson from "../package.json" with { type: "json" }
import { Display } from "./ports/Display.ts"
import { UserAgent } from "./ports/HttpTransport.ts"
import { displayOf } from "./adapters/terminal/Display.ts"
import * as Screen from "./adapters/terminal/Screen.ts"
import * as TerminalProgress from "./adapters/terminal/TerminalProgress.ts"
import * as TerminalWaitNotice from "./adapters/terminal/TerminalWaitNotice.ts"
import { useProxyOfEnvironment } from "./adapters/http/EnvironmentProxy.ts"
import { hiddenCommand } from "./app/cli/CommandNames.ts"
import { defaultErrorFormat, reportError } from "./app/cli/ErrorReport.ts"
import { exitCodeOf } from "./app/cli/ExitCode.ts"
import { print } from "./app/cli/Output.ts"
import { understood } from "./app/cli/UnderstoodWords.ts"
import { builtIns, program } from "./app/cli/Program.ts"
import { warningLog } from "./app/cli/WarningLog.ts"
import { live } from "./live/Live.ts"
import { runMain } from "./live/RunMain.ts"

const { version } = packageJson
const words = understood(process.argv.slice(2))
Screen.guardPackages()
useProxyOfEnvironment(process.env)

const display = displayOf(process)

/** Requested help goes to stdout. Errors of the command line, and where to find help, go to stderr. */
const presenter = CliOutput.layerPresenter({
  present: (event) => {
    switch (event._tag) {
      case "InvalidInvocation":
        return Effect.flatMap(
          Effect.promise(() => import("./live/GuessLive.ts")),
          ({ report }) => report(event, words)
        )
      case "Help":
        return Effect.flatMap(
          Effect.promise(() => import("./app/cli/HelpText.ts")),
          ({ helpLines }) =>
            Effect.provideService(print(...helpLines(event.helpDoc, display.columns)), Display, display)
        )
      case "Version":
        return CliOutput.defaultPresenter.present(event)
    }
  }
})

/** What prompts and the version show, by the same rule as everything else. */
const capabilities = Layer.succeed(TerminalCapabilities.TerminalCapabilities, {
  get canColor() {
    return display.canColor
  },
  get canAnimate() {
    return process.stdout.isTTY === true && process.env["TERM"] !== "dumb"
  },
  get canPrompt() {
    return process.stdin.isTTY === true && this.canAnimate
  }
})

/** The platform services of a command line. No prompt opens an editor, so none starts a program. */
const platform = Layer.mergeAll(
  NodeFileSystem.layer,
  NodePath.layer,
  NodeStdio.layer,
  NodeTerminal.layer,
  Screen.layer,
  capabilities,
  Layer.succeed(Display, display),
  TerminalProgress.layer,
  TerminalWaitNotice.layer,
  Logger.layer([Logger.withConsoleError(warningLog)]),
  Layer.succeed(UserAgent, `mcp-cli/${version}`),
  Layer.succeed(
    ChildProcessSpawner.ChildProcessSpawner,
    ChildProcessSpawner.make(() => Effect.die(new Error("no prompt of mcp-cli starts a program")))
  )
)

/** Exports the span of the run and all in it, if a collector is named. Other runs load no exporter and create no span. */
const observed = <A, E, R>(run: Effect.Effect<A, E, R>): Effect.Effect<A, E, R> => {
  if ((process.env["OTEL_EXPORTER_OTLP_ENDPOINT"] ?? "") === "") return run
  const telemetry = Layer.unwrap(
    Effect.map(
      Effect.promise(() => import("./live/Telemetry.ts")),
      ({ layer }) => layer({ version })
    )
  )
  return run.pipe(Effect.withSpan("mcp-cli"), Effect.provide(telemetry))
}

const run = Effect.gen(function* () {
  const format = yield* Ref.make(defaultErrorFormat)
  return yield* Command.runWith(program(live(version), format, words), { version })(words).pipe(
    Effect.as(0),
    Effect.catchIf(CliError.isCliError, (error) =>
      Effect.succeed(error._tag === "ShowHelp" && error.errors.length === 0 ? 0 : 2)
    ),
    Effect.catchCause((cause) =>
      Ref.get(format).pipe(
        Effect.flatMap((settled) => reportError(cause, settled)),
        Effect.as(exitCodeOf(cause))
      )
    )
  )
}).pipe(observed, Effect.provide(Layer.mergeAll(platform, builtIns, presenter)))

/** A shell waits for these candidates at each TAB. */
const completion = Effect.flatMap(
  Effect.promise(() => import("./live/CompletionLive.ts")),
  ({ complete }) => complete(process.argv.slice(3))
).pipe(Effect.as(0), Effect.provide(platform))

runMain(process.argv[2] === hiddenCommand ? completion : run)
