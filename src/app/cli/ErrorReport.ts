import { Cause, Effect, Layer, Ref, References } from "effect"
import type { CliOutput } from "effect/cli"
import { safeJson } from "../../domain/PrintableText.ts"
import type { CommandError } from "./ExitCode.ts"
import type { jsonError } from "./JsonOutput.ts"
import { tell, tellError } from "./Output.ts"
import { remediesJson } from "./RemedyText.ts"
import { configFileOfRun, Json, Verbose } from "./Settings.ts"
import { usageErrorOf } from "./UsageError.ts"

/** The flags that decide how an error is shown. */
export interface ErrorFormat {
  readonly json: boolean
  readonly verbose: boolean
  readonly configFile: string | undefined
}

/** The format until the command line has been read. */
export const defaultErrorFormat: ErrorFormat = { json: false, verbose: false, configFile: undefined }

/** Takes the format of errors, and the level of the log, from the flags of a command. */
export const layerOfFlags = (format: Ref.Ref<ErrorFormat>) =>
  Layer.effect(
    References.MinimumLogLevel,
    Effect.gen(function* () {
      const verbose = (yield* Verbose) > 0
      yield* Ref.set(format, { json: yield* Json, verbose, configFile: yield* configFileOfRun })
      return verbose ? "Debug" : "Warn"
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
  if (!json) yield* tell(`Usage: ${helpDoc.usage}`, `More: ${commandPath.join(" ")} --help`)
})

/** Shows on stderr why a command failed. */
export const reportError = (cause: Cause.Cause<CommandError>, format: ErrorFormat) => {
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
