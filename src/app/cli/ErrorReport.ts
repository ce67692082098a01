import { Cause, Context, Effect, Layer, Ref, References } from "effect"
import type { CliOutput } from "effect/cli"
import { safeJson } from "../../domain/PrintableText.ts"
import type { CommandError } from "./ExitCode.ts"
import type { jsonError } from "./JsonOutput.ts"
import { tell, tellError } from "./Output.ts"
import { remediesJson } from "./RemedyText.ts"
import { configFileOfRun, Json, Verbose } from "./Settings.ts"
import { usageLine } from "./UsageLine.ts"
import { usageErrorOf } from "./UsageError.ts"

/** The flags that decide how an error is shown. */
export interface ErrorFormat {
  readonly json: boolean
  readonly verbose: boolean
  readonly configFile: string | undefined
}

/** The format until the command line has been read. */
export const defaultErrorFormat: ErrorFormat = { json: false, verbose: false, configFile: undefined }

/** The format that the flags of this run ask for. */
export const errorFormatOfRun = Effect.gen(function* () {
  return { json: yield* Json, verbose: (yield* Verbose) > 0, configFile: yield* configFileOfRun }
})

/** Takes the format of errors, and the level of the log, from the flags of a command. */
export const layerOfFlags = (format: Ref.Ref<ErrorFormat>) =>
  Layer.effect(
    References.MinimumLogLevel,
    Effect.gen(function* () {
      const settled = yield* errorFormatOfRun
      yield* Ref.set(format, settled)
      return settled.verbose ? "Debug" : "Warn"
    })
  )

const show = (error: CommandError, { configFile, json, verbose }: ErrorFormat) => {
  const { _tag: code, message, remedies } = error
  if (json) {
    return tell(
      safeJson({
        error: { code, message, remedies: remediesJson(remedies, configFile) }
      } satisfies typeof jsonError.Type)
    )
  }
  const told = tellError(error, configFile)
  return verbose ? Effect.andThen(told, tell(`Code: ${code}, see docs/errors.md.`)) : told
}

/** Shows on stderr why a command line does not parse, what was probably meant, and where to find help. */
export const reportInvalid = Effect.fnUntraced(function* (
  { commandPath, errors, helpDoc }: Omit<CliOutput.Presenter.InvalidInvocation, "_tag">,
  guess: string | undefined,
  json: boolean
) {
  yield* show(usageErrorOf(commandPath, errors, guess), { ...defaultErrorFormat, json })
  if (!json) yield* tell(`Usage: ${usageLine(helpDoc)}`, `More: ${commandPath.join(" ")} --help`)
})

/** Marks the cause of an error that the user has been told. */
class Reported extends Context.Service<Reported, true>()("mcp-cli-oauth/app/cli/ErrorReport/Reported") {}

/** The same cause, which {@link reportError} does not show again. */
export const reported = <E>(cause: Cause.Cause<E>): Cause.Cause<E> =>
  Cause.annotate(cause, Context.make(Reported, true))

/** Shows on stderr why a command failed, unless it has shown that before. */
export const reportError = (cause: Cause.Cause<CommandError>, format: ErrorFormat) => {
  if (Context.getOrUndefined(Cause.annotations(cause), Reported) === true) return Effect.void
  const error = Cause.findErrorOption(cause)
  if (error._tag === "Some") return show(error.value, format)
  if (Cause.hasInterruptsOnly(cause)) return Effect.void
  if (format.json) {
    const message = format.verbose ? Cause.pretty(cause) : "internal error"
    return tell(
      safeJson({ error: { code: "InternalError", message, remedies: [] } } satisfies typeof jsonError.Type)
    )
  }
  return tell(
    ...(format.verbose
      ? Cause.pretty(cause).split("\n")
      : ["mcp-cli: internal error. Run the command again with -v, and report what it prints."])
  )
}
