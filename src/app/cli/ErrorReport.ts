import { Cause, Console, Effect, Layer, Ref, References } from "effect"
import type { CommandError } from "./ExitCode.ts"
import { errorText, remediesJson } from "./RemedyText.ts"
import { configFileOfRun, Json, Verbose } from "./Settings.ts"

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
      const verbose = yield* Verbose
      yield* Ref.set(format, { json: yield* Json, verbose, configFile: yield* configFileOfRun })
      return verbose ? "Debug" : "Warn"
    })
  )

/** Shows on stderr why a command failed. */
export const reportError = (cause: Cause.Cause<CommandError>, { configFile, json, verbose }: ErrorFormat) => {
  const error = Cause.findErrorOption(cause)
  if (error._tag === "Some") {
    const { _tag: code, message, remedies } = error.value
    return Console.error(
      json
        ? JSON.stringify({ error: { code, message, remedies: remediesJson(remedies, configFile) } })
        : `mcp-cli: ${errorText(error.value, configFile)}`
    )
  }
  if (Cause.hasInterruptsOnly(cause)) return Effect.void
  return Console.error(
    verbose
      ? Cause.pretty(cause)
      : "mcp-cli: internal error. Run the command again with -v, and report what it prints."
  )
}
