import * as NodeRuntime from "@effect/platform-node/NodeRuntime"
import * as NodeFileSystem from "@effect/platform-node/NodeFileSystem"
import * as NodePath from "@effect/platform-node/NodePath"
import * as NodeStdio from "@effect/platform-node/NodeStdio"
import * as NodeTerminal from "@effect/platform-node/NodeTerminal"
import { Cause, Console, Effect, Exit, Layer, Logger, References } from "effect"
import { CliError, CliOutput, Command } from "effect/cli"
import { ChildProcessSpawner } from "effect/process"
import packageJson from "../package.json" with { type: "json" }
import { quoted } from "./domain/SignInError.ts"
import { UserAgent } from "./ports/HttpTransport.ts"
import { useProxyOfEnvironment } from "./adapters/http/EnvironmentProxy.ts"
import { type CommandError, defect, exitCodeOf, interrupted } from "./app/cli/ExitCode.ts"
import { builtIns, program } from "./app/cli/Program.ts"
import { live } from "./live/Live.ts"

const { version } = packageJson
useProxyOfEnvironment(process.env)
const args = process.argv.slice(2)
// Errors are told after the flags have been read, or could not be: these two are looked for by hand.
const isVerbose = args.includes("-v") || args.includes("--verbose")
const isJson = args.includes("--json")
const configFile = args
  .map((arg, at) => (arg === "--config-file" ? args[at + 1] : /^--config-file=(.*)$/s.exec(arg)?.[1]))
  .find((path) => path !== undefined)

/** What an error tells somebody to run finds the same configuration only by the same flag. */
const withConfigFile = (message: string): string =>
  configFile !== undefined && /\bmcp-cli (auth|storage|tools|call|ping|servers|--server)\b/.test(message)
    ? `${message}${/[.!?]$/.test(message) ? "" : "."} Add --config-file ${quoted(configFile)} to that command.`
    : message

/** Help goes to stdout where it was asked for. A wrong command line gets its errors, and where help is, on stderr. */
const presenter = CliOutput.layerPresenter({
  present: (event) =>
    event._tag === "InvalidInvocation"
      ? Effect.gen(function* () {
          for (const error of event.errors) yield* Console.error(`mcp-cli: ${error.message}`)
          yield* Console.error(`Usage: ${event.helpDoc.usage}\nMore: ${event.commandPath.join(" ")} --help`)
        })
      : CliOutput.defaultPresenter.present(event)
})

const logging = Layer.merge(
  Logger.layer([Logger.withConsoleError(Logger.formatLogFmt)]),
  Layer.succeed(References.MinimumLogLevel, isVerbose ? "Debug" : "Warn")
)

/** What a command line needs of the platform. Programs are started elsewhere: no prompt of ours opens an editor. */
const platform = Layer.mergeAll(
  NodeFileSystem.layer,
  NodePath.layer,
  NodeStdio.layer,
  NodeTerminal.layer,
  Layer.succeed(UserAgent, `mcp-cli/${version}`),
  Layer.succeed(
    ChildProcessSpawner.ChildProcessSpawner,
    ChildProcessSpawner.make(() => Effect.die(new Error("no prompt of mcp-cli starts a program")))
  )
)

const tell = Effect.fnUntraced(function* (cause: Cause.Cause<CommandError>) {
  const error = Cause.findErrorOption(cause)
  if (error._tag === "Some") {
    const { _tag: code } = error.value
    const message = withConfigFile(error.value.message)
    return yield* Console.error(isJson ? JSON.stringify({ error: { code, message } }) : `mcp-cli: ${message}`)
  }
  if (Cause.hasInterruptsOnly(cause)) return
  yield* Console.error(
    isVerbose
      ? Cause.pretty(cause)
      : "mcp-cli: something went wrong that should not have. Run it again with -v, and please report what it prints."
  )
})

const run = Command.runWith(program(live(version)), { version })(args).pipe(
  Effect.as(0),
  Effect.catchIf(CliError.isCliError, (error) =>
    Effect.succeed(error._tag === "ShowHelp" && error.errors.length === 0 ? 0 : 2)
  ),
  Effect.catchCause((cause) => Effect.as(tell(cause), exitCodeOf(cause))),
  Effect.provide(Layer.mergeAll(platform, builtIns, presenter, logging))
)

// A reader that has seen enough (`| head`) is no error.
process.stdout.on("error", (error: NodeJS.ErrnoException) => {
  if (error.code !== "EPIPE") {
    process.stderr.write(`mcp-cli: The output cannot be written (${error.code ?? "unknown"}).\n`)
  }
  process.exit(error.code === "EPIPE" ? 0 : defect)
})

NodeRuntime.runMain(run, {
  disableErrorReporting: true,
  teardown: (exit, onExit) =>
    onExit(
      Exit.match(exit, {
        onSuccess: (code) => (typeof code === "number" ? code : defect),
        onFailure: (cause) => (Cause.hasInterruptsOnly(cause) ? interrupted : defect)
      })
    )
})
