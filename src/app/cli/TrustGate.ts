import { Effect, Option } from "effect"
import { safeLine } from "../../domain/PrintableText.ts"
import { advice, command } from "../../domain/Remedy.ts"
import { ConfigurationError, ConfigurationIssue } from "../../ports/Configuration.ts"
import { ConfigurationApprovals } from "../../ports/ConfigurationApprovals.ts"
import type {
  ConfigurationEntry,
  RequireApproval,
  UntrustedConfiguration
} from "../../ports/ConfigurationTrust.ts"
import { Confirmation } from "../../ports/Confirmation.ts"
import type { StorageError } from "../../ports/CredentialStore.ts"
import { tell } from "./Output.ts"

/** What a configuration makes this program do, for the user who decides about it. */
export const reviewLines = (entries: ReadonlyArray<ConfigurationEntry>): ReadonlyArray<string> =>
  entries.flatMap(({ actions, name }) => [
    `  ${safeLine(name)}`,
    ...actions.map((action) => `    ${safeLine(action)}`)
  ])

const errorOf = (file: string, problem: string, fixes: ConfigurationIssue["fixes"] = []) =>
  new ConfigurationError({ file, issues: [new ConfigurationIssue({ path: [], problem, fixes })] })

/** The error if approvals cannot be read or written. */
const unavailable = (file: string) =>
  Effect.mapError(({ message, remedies }: StorageError) =>
    errorOf(file, `your approval cannot be looked up or stored: ${message}`, [...remedies])
  )

/** The command that approves a configuration. */
const approve = ({ file, isFound }: UntrustedConfiguration) =>
  command("trust", {
    ...(isFound ? {} : { options: { "config-file": file } }),
    purpose: "see what it does and approve it"
  })

const byName = advice("To use another file, or this one without being asked, name it with --config-file.")

/**
 * Requires an approval of each path and content, as direnv does. A user at a terminal is asked about a file that was found. A
 * file that other users can write is refused without a question, until the user approves its content with `mcp-cli trust`.
 */
export const makeTrustGate: Effect.Effect<RequireApproval, never, ConfigurationApprovals | Confirmation> =
  Effect.gen(function* () {
    const approvals = yield* ConfigurationApprovals
    const confirmation = yield* Confirmation
    return Effect.fn("TrustGate.requireApproval")(function* (configuration) {
      const { file, isExposed, refusal } = configuration
      const found = yield* approvals.find(configuration).pipe(unavailable(file))
      if (found === "approved") return
      const fixes = [...refusal.remedies, approve(configuration), ...(isExposed ? [] : [byName])]
      if (isExposed) return yield* errorOf(file, refusal.issues[0]?.problem ?? refusal.message, fixes)
      const state =
        found === "changed"
          ? "has changed since you approved it"
          : "is in the working directory, and you have not approved it"
      const answer = yield* confirmation.ask(
        [`${safeLine(file)} ${state}. It:`, ...reviewLines(yield* configuration.entries)].join("\n"),
        "Use it?"
      )
      if (Option.isNone(answer)) return yield* errorOf(file, `it ${state}.`, fixes)
      if (!answer.value) return yield* errorOf(file, "you have not approved it.", fixes)
      yield* approvals.add(configuration).pipe(unavailable(file))
      yield* tell("It is approved until it changes.")
    })
  })
