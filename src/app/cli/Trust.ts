import { Effect, Option } from "effect"
import { Argument, Command, Flag } from "effect/cli"
import { safeLine } from "../../domain/PrintableText.ts"
import { ConfigurationApprovals } from "../../ports/ConfigurationApprovals.ts"
import { ConfigurationReview } from "../../ports/ConfigurationReview.ts"
import type { JsonOutput } from "./JsonOutput.ts"
import { printJson, tell, tellWarning } from "./Output.ts"
import { ConfigFile, Json } from "./Settings.ts"
import { reviewLines } from "./TrustGate.ts"

/** `mcp-cli trust [FILE]` */
export const trust = Command.make(
  "trust",
  {
    file: Argument.String("FILE").pipe(
      Argument.withDescription("A configuration (default: --config-file, else ./server_config.json)"),
      Argument.optional
    ),
    revoke: Flag.Boolean("revoke").pipe(
      Flag.withDescription("Take the approval back"),
      Flag.withDefault(false)
    )
  },
  Effect.fn("cli.trust")(function* ({ file, revoke }) {
    const review = yield* ConfigurationReview
    const approvals = yield* ConfigurationApprovals
    const configFile = yield* ConfigFile
    const path = review.pathOf(Option.orElse(file, () => configFile))
    const shown = safeLine(path)
    if (revoke) {
      const revoked = yield* approvals.remove(path)
      if (yield* Json) return yield* printJson({ file: path, trusted: false } satisfies JsonOutput<"trust">)
      return yield* tell(revoked ? `${shown} is no longer approved.` : `${shown} was not approved.`)
    }
    const configuration = yield* review.read(path)
    yield* approvals.add(configuration)
    const { isExposed, refusal } = configuration
    const entries = yield* configuration.entries
    if (yield* Json)
      return yield* printJson({ file: path, trusted: true, entries } satisfies JsonOutput<"trust">)
    yield* tell(`Approved ${shown} until it changes. It:`, ...reviewLines(entries))
    if (isExposed) yield* tellWarning(refusal.message)
  })
).pipe(
  Command.withDescription("Approve a configuration that was found in the working directory, as it is now"),
  Command.withExamples([
    { command: "mcp-cli trust", description: "Show what ./server_config.json does, and approve it" },
    { command: "mcp-cli trust --revoke", description: "Take the approval back" }
  ])
)
