import { Duration, Effect, Stream } from "effect"
import type { TokenUsage } from "../../../domain/chat/ChatMessage.ts"
import type { ChatSession, Message, ShownCall, TurnEvent } from "../../chat/Chat.ts"
import type { JsonOutput } from "../JsonOutput.ts"
import { printJsonLine } from "../Output.ts"
import { makeRunningCalls } from "./RunningCalls.ts"
import type { ShownTurn } from "./ShowTurn.ts"
import { noTokens, sumOfTokens } from "./TokenText.ts"

const callOf = ({ arguments: args, id, name, tool }: ShownCall) => ({
  id,
  server: tool?.server ?? null,
  tool: tool?.tool.name ?? name,
  arguments: args ?? null
})

const tokensOf = ({ cachedInput, input, output }: TokenUsage) => ({
  input: input ?? null,
  cachedInput: cachedInput ?? null,
  output: output ?? null
})

const outcomes = {
  Done: "done",
  Failed: "failed",
  Refused: "refused",
  NeedsApproval: "needs approval",
  Interrupted: "interrupted"
} as const

/** An event for programs. Undefined: only a sign of life. */
const eventOf = (event: TurnEvent): JsonOutput<"ask"> | undefined => {
  switch (event._tag) {
    case "Text":
      return { type: "text", text: event.text }
    case "Reasoning":
      return { type: "reasoning", text: event.text }
    case "CallWritten":
      return undefined
    case "CallStarted":
      return { type: "call", ...callOf(event.call) }
    case "CallProgress": {
      const { message, progress, total } = event.progress
      return { type: "progress", id: event.call.id, progress, total: total ?? null, message: message ?? null }
    }
    case "CallEnded": {
      const { outcome } = event
      return {
        type: "result",
        ...callOf(event.call),
        outcome: outcomes[outcome._tag],
        text: "text" in outcome ? outcome.text : null,
        milliseconds: Math.round(Duration.toMillis(event.duration))
      }
    }
    case "Retrying":
      return {
        type: "retry",
        text: event.error.message,
        milliseconds: Math.round(Duration.toMillis(event.delay))
      }
    case "Notice":
      return { type: "notice", text: event.text }
    case "Usage":
      return { type: "tokens", ...tokensOf(event.usage) }
    case "Limit":
      return { type: "limit", limit: event.limit, text: event.text }
  }
}

/** Runs a turn, and prints its events as JSON Lines. The last one has the answer: the text behind the last call. */
export const printTurn = Effect.fnUntraced(function* (session: ChatSession, message: Message, model: string) {
  let answer = ""
  let usage = noTokens
  const unapproved = new Set<string>()
  let limit: ShownTurn["limit"]
  const running = makeRunningCalls()
  const printEvent = (event: TurnEvent) => {
    const printed = eventOf(event)
    return printed === undefined ? Effect.void : printJsonLine(printed)
  }
  yield* Stream.runForEach(session.turn(message), (event) => {
    if (event._tag === "Text") answer += event.text
    if (event._tag === "CallWritten" || event._tag === "CallStarted" || event._tag === "CallEnded")
      answer = ""
    if (event._tag === "Usage") usage = sumOfTokens(usage, event.usage)
    if (event._tag === "CallEnded" && event.outcome._tag === "NeedsApproval" && event.call.tool !== undefined)
      unapproved.add(`${event.call.tool.server}:${event.call.tool.tool.name}`)
    if (event._tag === "Limit") limit = event
    running.note(event)
    return printEvent(event)
  }).pipe(Effect.onInterrupt(() => Effect.flatMap(running.stopped, Effect.forEach(printEvent))))
  const end: JsonOutput<"ask"> = { type: "end", model, answer, tokens: tokensOf(usage) }
  yield* printJsonLine(end)
  return { usage, unapproved: [...unapproved], limit } satisfies ShownTurn
})
