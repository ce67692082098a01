import { Effect, Schema } from "effect"
import { command, Remedy } from "../../domain/Remedy.ts"

/** The command line cannot be followed; the message says what can. */
export class UsageError extends Schema.TaggedError<UsageError>()("UsageError", {
  problem: Schema.String,
  remedies: Schema.Array(Remedy).pipe(Schema.withConstructorDefault(Effect.succeed([])))
}) {
  override get message(): string {
    return this.problem
  }
}

/** An examination found something wrong. The findings are on stdout already. */
export class ProblemsFound extends Schema.TaggedError<ProblemsFound>()("ProblemsFound", {
  server: Schema.String,
  account: Schema.String,
  count: Schema.Int
}) {
  override get message(): string {
    return `${this.count === 1 ? "One thing is" : `${this.count} things are`} wrong with ${this.server}.`
  }

  get remedies(): ReadonlyArray<Remedy> {
    const { account, server } = this
    return [
      command("auth doctor", { server, account, purpose: "check again after fixing the first one above" })
    ]
  }
}

/** A tool says that it failed. Its output is on stdout already. */
export class ToolFailed extends Schema.TaggedError<ToolFailed>()("ToolFailed", {
  server: Schema.String,
  tool: Schema.String
}) {
  override get message(): string {
    return `The tool ${this.tool} of ${this.server} reports an error.`
  }

  get remedies(): ReadonlyArray<Remedy> {
    return []
  }
}
