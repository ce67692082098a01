import { Effect, Schema } from "effect"
import type { CliError } from "effect/cli"
import { escapedLine } from "../../domain/PrintableText.ts"
import { remediesWithoutLogin } from "../../domain/SignInError.ts"
import { advice, command, Remedy } from "../../domain/Remedy.ts"
import { listed, quoted } from "./RemedyText.ts"

/** The argument that names a secret. */
export const secretArgument = "SECRET"

/** How a user gives a secret to a command. */
export const waysToGiveSecret = advice("Pipe it into the command, or type it when it asks.")

/** What is wrong, without the suggestions that the messages of `effect/cli` repeat. */
const problemOf = (error: CliError.NonShowHelpErrors): string => {
  switch (error._tag) {
    case "InvalidValue":
      // A user may write the secret in the place of its name.
      return error.option === secretArgument
        ? `Invalid value for argument <${secretArgument}>. ${error.expected}`
        : error.message
    case "UnrecognizedOption":
      return `Unknown flag ${error.option} of ${error.command?.join(" ") ?? "mcp-cli"}.`
    case "UnknownSubcommand":
      return `Unknown command ${error.subcommand} of ${error.parent?.join(" ") ?? "mcp-cli"}.`
    default:
      return error.message
  }
}

/** The command line cannot be followed; the message says what can. */
export class UsageError extends Schema.TaggedError<UsageError>()("UsageError", {
  problem: Schema.String,
  remedies: Schema.Array(Remedy).pipe(Schema.withConstructorDefault(Effect.succeed([])))
}) {
  override get message(): string {
    return this.problem
  }
}

/** Commands that read a secret: a word too many may be the secret, so it is not repeated. */
const secretCommands = ["mcp-cli models key", "mcp-cli secret set"]

/** The error of a command line that does not parse. What follows the first problem is mostly caused by it. */
export const usageErrorOf = (
  commandPath: ReadonlyArray<string>,
  errors: ReadonlyArray<CliError.NonShowHelpErrors>,
  guess?: string
): UsageError =>
  errors[0]?._tag === "UnexpectedArgument" && secretCommands.includes(commandPath.join(" "))
    ? new UsageError({
        problem: "A secret cannot be an argument, because other users can read it there.",
        remedies: [waysToGiveSecret]
      })
    : new UsageError({
        problem: errors.slice(0, 1).map(problemOf).join(""),
        remedies: guess === undefined ? [] : [advice(guess)]
      })

/** Accounts that an error names. */
const maxNamed = 5

/** Several accounts need a sign-in. */
export class SignInsRequired extends Schema.TaggedError<SignInsRequired>()("SignInsRequired", {
  /** The accounts, as users read them. */
  names: Schema.Array(Schema.String),
  /** True: the run is in continuous integration, where no command signs in. Absent: false. */
  unattended: Schema.optionalKey(Schema.Boolean)
}) {
  override get message(): string {
    const { names } = this
    const rest = names.length - maxNamed
    return `${listed(rest > 1 ? [...names.slice(0, maxNamed), `${rest} others`] : names)} need a sign-in.`
  }

  get remedies(): ReadonlyArray<Remedy> {
    if (this.unattended === true) return remediesWithoutLogin
    return [command("auth login", { purpose: "sign in to one of them" })]
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
    const { account, count, server } = this
    return [
      command("auth doctor", {
        server,
        account,
        purpose: `check again after fixing ${count === 1 ? "it" : "the first one above"}`
      })
    ]
  }
}

/** A tool says that it failed. Its output is on stdout already. */
export class ToolFailed extends Schema.TaggedError<ToolFailed>()("ToolFailed", {
  server: Schema.String,
  tool: Schema.String,
  hints: Schema.Array(Remedy).pipe(Schema.withConstructorDefault(Effect.succeed([])))
}) {
  override get message(): string {
    return `The tool ${this.tool} of ${this.server} reports an error.`
  }

  get remedies(): ReadonlyArray<Remedy> {
    return this.hints
  }
}

/** The answer of a model is cut, empty, or ended by a limit. What there is of it is on stdout already. */
export class AnswerIncomplete extends Schema.TaggedError<AnswerIncomplete>()("AnswerIncomplete", {
  limit: Schema.Literals(["calls", "same-call", "length", "empty-answer", "content-filter"]),
  /** A whole sentence. */
  text: Schema.String
}) {
  override get message(): string {
    return this.text
  }

  get remedies(): ReadonlyArray<Remedy> {
    return []
  }
}

/** A model wanted to call tools, and no user could be asked. Its answer is on stdout already. */
export class ApprovalRequired extends Schema.TaggedError<ApprovalRequired>()("ApprovalRequired", {
  /** As `--allow` takes them: `server:tool`. */
  tools: Schema.Array(Schema.String)
}) {
  override get message(): string {
    const { tools } = this
    return `${listed(tools.map(escapedLine))} ${tools.length === 1 ? "was" : "were"} not called, because no user can be asked.`
  }

  get remedies(): ReadonlyArray<Remedy> {
    return [
      advice(
        `To let ${this.tools.length === 1 ? "it" : "them"} run: ${this.tools.map((tool) => `--allow ${quoted(tool)}`).join(" ")}`
      )
    ]
  }
}
