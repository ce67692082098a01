import { Logger, LogLevel } from "effect"
import { safeLine } from "../../domain/PrintableText.ts"

/**
 * The log as the user reads other messages. Lines of lower levels than a warning are shown only with `--verbose`; what is not a
 * text in them is shown with its level and time.
 */
export const warningLog: Logger.Logger<unknown, string> = Logger.make((options) => {
  const { logLevel, message } = options
  const parts: ReadonlyArray<unknown> = Array.isArray(message) ? message : [message]
  if (!parts.every((part) => typeof part === "string")) return Logger.formatLogFmt.log(options)
  const kind = LogLevel.isGreaterThanOrEqualTo(logLevel, "Warn") ? "warning: " : ""
  return safeLine(`mcp-cli: ${kind}${parts.join(" ")}`)
})
