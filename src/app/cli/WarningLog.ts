import { Logger, LogLevel } from "effect"
import { safeLine } from "../../domain/PrintableText.ts"

/** Warnings of the log as the user reads other warnings. Only `--verbose` shows the lines of lower levels, as they are. */
export const warningLog: Logger.Logger<unknown, string> = Logger.make((options) => {
  const { logLevel, message } = options
  const parts: ReadonlyArray<unknown> = Array.isArray(message) ? message : [message]
  return LogLevel.isGreaterThanOrEqualTo(logLevel, "Warn") && parts.every((part) => typeof part === "string")
    ? safeLine(`mcp-cli: warning: ${parts.join(" ")}`)
    : Logger.formatLogFmt.log(options)
})
