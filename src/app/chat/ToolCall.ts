import { Effect, Predicate } from "effect"
import { argumentProblemText } from "../../domain/ArgumentProblemText.ts"
import { nearName } from "../../domain/NearName.ts"
import { printable } from "../../domain/PrintableText.ts"
import { argumentProblems } from "../../domain/ToolSchema.ts"
import type { MediaPart, TextPart } from "../../domain/chat/ChatMessage.ts"
import { NetworkError } from "../../ports/HttpTransport.ts"
import { McpError, type McpProgress } from "../../ports/McpConnector.ts"
import type { SessionError } from "../session/ServerSession.ts"
import type { WrittenCall } from "./AcceptedAnswer.ts"
import type { CallOutcome, ChatServer } from "./Chat.ts"
import type { Permissions } from "./Permissions.ts"
import type { ListedTool, Notice } from "./ToolList.ts"
import type { WithoutSecrets } from "./WithoutSecrets.ts"
import { cut, toolResultText } from "./ToolResultText.ts"
import { maxNearNames } from "./ChatLimits.ts"

/** How a call ended, for the user and for the model. */
export interface EndedCall {
  readonly outcome: CallOutcome
  readonly isError: boolean
  readonly content: ReadonlyArray<TextPart | MediaPart>
}

/** A model repeats what failed unless it is told what that may do. */
const mayHaveRun = "may have been carried out: find out before you make it again, or ask the user."

/** What a model is told of a call that did not lead to a result. */
const textOf = (outcome: Exclude<CallOutcome, { readonly _tag: "Done" }>): string => {
  switch (outcome._tag) {
    case "Failed":
      return outcome.text
    case "Refused":
      return `The user did not allow this call${(outcome.reason ?? "") === "" ? "." : `: ${outcome.reason}`}`
    case "NeedsApproval":
      return "This call was not made: a user has to approve it, and none can be asked. Do not try it again."
    case "Interrupted":
      return `The call was interrupted while it ran. It ${mayHaveRun}`
  }
}

/**
 * A call that did not lead to a result.
 *
 * @param sources the server whose words are in it
 */
export const endedWithout = (
  outcome: Exclude<CallOutcome, { readonly _tag: "Done" }>,
  sources: ReadonlyArray<string> = []
): EndedCall => ({
  outcome,
  isError: true,
  content: [{ _tag: "Text", text: textOf(outcome), sources }]
})

/** A call that failed for this reason, which the user and the model are told. */
export const failedCall = (text: string, sources?: ReadonlyArray<string>): EndedCall =>
  endedWithout({ _tag: "Failed", text: cut(text).text }, sources)

/** A call without an answer. */
const uncertain = (text: string, sources: ReadonlyArray<string>): EndedCall =>
  endedWithout({ _tag: "Failed", text: `${text}\nThe call ${mayHaveRun}`, mayHaveRun: true }, sources)

/** The names that a model may have meant: a tool of this name without its server, or one that is spelt like it. */
const nearNames = (name: string, tools: ReadonlyArray<ListedTool>): ReadonlyArray<string> => {
  const bare = name.split(/[.:/]|__/).at(-1) ?? name
  const same = tools.filter(({ tool }) => tool.name === name || tool.name === bare).map((one) => one.name)
  const whole = nearName(
    name,
    tools.map((one) => one.name)
  )
  const spelt = tools.filter(({ tool }) => nearName(bare, [tool.name]) !== undefined).map((one) => one.name)
  return [...new Set([...same, whole, ...spelt])].filter(Predicate.isNotUndefined).slice(0, maxNearNames)
}

const unknownTool = (name: string, tools: ReadonlyArray<ListedTool>): EndedCall => {
  const near = nearNames(name, tools)
  const hint =
    near.length === 0 ? "Use only the tools that are listed." : `Did you mean ${near.join(" or ")}?`
  return failedCall(`There is no tool ${printable(name)}. ${hint}`)
}

/** True for errors about tokens and sign-ins. Their texts are for the user, not for a model. */
const isAboutSignIn = (error: SessionError): boolean =>
  error instanceof McpError
    ? error.remedies.some((remedy) => remedy._tag === "Command" && remedy.verb === "auth login")
    : !(error instanceof NetworkError)

const failedAt = (
  { name }: ChatServer,
  error: SessionError,
  { tell, withoutSecrets }: Pick<ToolCallContext, "tell" | "withoutSecrets">
): EndedCall => {
  if (isAboutSignIn(error)) {
    tell({ text: error.message, remedies: error.remedies })
    return failedCall(`Not signed in to ${name}. The call was not made.`)
  }
  if (error instanceof McpError) {
    const text = `${name}: ${cut(error.detail, withoutSecrets).text}`
    // The text of an error is the server's, too.
    if (error.call === undefined) return failedCall(text, [name])
    return error.call === "uncertain"
      ? uncertain(text, [name])
      : failedCall(`${text}\nThe call was not made.`, [name])
  }
  return error instanceof NetworkError && error.unanswered !== undefined
    ? uncertain(`${name}: the connection ended without an answer.`, [])
    : failedCall(`${name}: it cannot be reached. The call was not made.`)
}

/** What is wrong with a call before it is made. */
const problemOf = (
  { arguments: args, name, text }: WrittenCall,
  { tool }: ListedTool
): string | undefined => {
  if (args === undefined)
    return `The arguments are not a JSON object. Write them again, complete and as JSON. They began with: ${printable(text)}`
  const problems = argumentProblems(tool.inputSchema, args)
  if (problems.length === 0) return undefined
  return `The call was not made. ${[...new Set(problems.map((one) => argumentProblemText(name, one)))].join(" ")}`
}

/** What a call needs of its round. */
export interface ToolCallContext {
  readonly tools: ReadonlyArray<ListedTool>
  readonly permissions: Permissions
  /** The servers whose results are in the conversation. */
  readonly sources: Set<string>
  readonly withoutSecrets: WithoutSecrets
  readonly tell: (notice: Notice) => void
  /** Is run when the call is about to be sent. */
  readonly onStart: Effect.Effect<void>
  readonly onProgress: (progress: McpProgress) => void
}

/** Makes a call that a model wrote, if it is right and allowed. Sends it at most once. */
export const makeToolCall = Effect.fnUntraced(function* (
  call: WrittenCall,
  { onProgress, onStart, permissions, sources, tell, tools, withoutSecrets }: ToolCallContext
): Effect.fn.Return<EndedCall> {
  const listed = tools.find(({ name }) => name === call.name)
  if (listed === undefined) return unknownTool(call.name, tools)
  const { server, tool } = listed
  const args = call.arguments ?? {}
  const problem = problemOf(call, listed)
  if (problem !== undefined) return failedCall(problem)
  const permission = yield* permissions.decide(listed, args, sources, tell)
  if (permission._tag === "No") return endedWithout({ _tag: "Refused", reason: permission.reason })
  if (permission._tag === "NotAsked") return endedWithout({ _tag: "NeedsApproval" })
  yield* onStart
  const answer = yield* Effect.result(server.session.call(tool.name, args, { onProgress }))
  if (answer._tag === "Failure") {
    const failed = failedAt(server, answer.failure, { tell, withoutSecrets })
    for (const source of failed.content.flatMap((part) => part.sources ?? [])) sources.add(source)
    return failed
  }
  sources.add(server.name)
  const { isError } = answer.success
  const { content, cutCharacters, text } = toolResultText(tool, answer.success, withoutSecrets)
  return {
    outcome: isError ? { _tag: "Failed", text } : { _tag: "Done", text, cutCharacters },
    isError,
    content: content.map((part) => ({ ...part, sources: [server.name] }))
  }
})
