import { Schema } from "effect"
import { accountCommand } from "../../domain/SignInError.ts"

/** The command line asks for what cannot be; the message says what can. */
export class UsageError extends Schema.TaggedError<UsageError>()("UsageError", { problem: Schema.String }) {
  override get message(): string {
    return this.problem
  }
}

/** An examination found something wrong. What it found is on stdout already. */
export class ProblemsFound extends Schema.TaggedError<ProblemsFound>()("ProblemsFound", {
  server: Schema.String,
  account: Schema.String,
  count: Schema.Int
}) {
  override get message(): string {
    return `${this.count === 1 ? "One thing is" : `${this.count} things are`} wrong with ${this.server}. Mend what is said first, and run: ${accountCommand("auth doctor", this.server, this.account)}`
  }
}

/** A tool of a server says that it failed. What it says is on stdout already. */
export class ToolFailed extends Schema.TaggedError<ToolFailed>()("ToolFailed", {
  server: Schema.String,
  tool: Schema.String
}) {
  override get message(): string {
    return `The tool ${this.tool} of ${this.server} reports an error.`
  }
}
