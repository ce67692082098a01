import { Duration, Effect, Schedule, Stream } from "effect"
import type { ChatMessage, MediaPart, TextPart } from "../../domain/chat/ChatMessage.ts"
import {
  type ChatEvent,
  ChatModelError,
  type ChatRequest,
  type OpenChatModel
} from "../../ports/ChatModel.ts"
import type { TurnEvent } from "./Chat.ts"
import { withoutSight } from "./ToolResultText.ts"
import { maxRetries, maxRetryAfter } from "./ChatLimits.ts"

const isTransient = ({ failure, retryAfter = 0 }: ChatModelError): boolean =>
  ["rate-limit", "unavailable", "unreachable"].includes(failure) && retryAfter <= maxRetryAfter

/** Exponential back-off with jitter, never shorter than the provider asks for. */
const schedule = (onRetry: (error: ChatModelError, delay: Duration.Duration) => void) =>
  Schedule.exponential("1 second").pipe(
    Schedule.jittered,
    Schedule.upTo({ times: maxRetries }),
    Schedule.setInputType<ChatModelError>(),
    Schedule.modifyDelay(({ duration, input }) =>
      Effect.sync(() => {
        const delay = Duration.max(duration, Duration.millis(input.retryAfter ?? 0))
        onRetry(input, delay)
        return delay
      })
    )
  )

const seen =
  (canSee: boolean | undefined, isOfUser: boolean) =>
  (part: TextPart | MediaPart): TextPart | MediaPart => {
    if (part._tag === "Text") return part
    // Whether an unknown model can see is the user's to know, and not a tool's.
    return canSee === true || (canSee === undefined && isOfUser) ? part : withoutSight(part)
  }

/** The conversation as a model can read it. */
const readable = ({ canSee }: OpenChatModel, message: ChatMessage): ChatMessage => {
  if (message._tag === "User") return { ...message, content: message.content.map(seen(canSee, true)) }
  if (message._tag === "Assistant") return message
  return {
    ...message,
    results: message.results.map((result) => ({
      ...result,
      content: result.content.map(seen(canSee, false))
    }))
  }
}

/** How a model ended its answer. */
export type AnswerEnd = Extract<ChatEvent, { readonly _tag: "End" }>

const shownEvent = (event: ChatEvent): TurnEvent | undefined => {
  switch (event._tag) {
    case "Text":
    case "Reasoning":
      return event
    case "ToolCallStarted":
      return { _tag: "CallWritten", name: event.name }
    case "ToolCall":
      return undefined
    case "End":
      return { _tag: "Usage", usage: event.usage }
  }
}

/**
 * Asks a model. After a failure that may pass it is asked again, as long as it has written nothing.
 *
 * @param options.onText takes each piece of text, for the case that the answer does not end
 */
export const askModel = (
  model: OpenChatModel,
  request: ChatRequest,
  options: { readonly emit: (event: TurnEvent) => void; readonly onText: (text: string) => void }
): Effect.Effect<AnswerEnd, ChatModelError> =>
  Effect.suspend(() => {
    let hasStarted = false
    let end: AnswerEnd | undefined
    const take = (event: ChatEvent) =>
      Effect.sync(() => {
        hasStarted = true
        const shown = shownEvent(event)
        if (shown !== undefined) options.emit(shown)
        if (event._tag === "Text") options.onText(event.text)
        if (event._tag === "End") end = event
      })
    const sent = {
      ...request,
      messages: request.messages.map((message) => readable(model, message)),
      tools: model.canCallTools === false ? [] : request.tools
    }
    const mayPass = (error: ChatModelError) => !hasStarted && isTransient(error)
    // `retry` asks the schedule before it asks `while`.
    const onRetry = (error: ChatModelError, delay: Duration.Duration) => {
      if (mayPass(error)) options.emit({ _tag: "Retrying", error, delay })
    }
    return Stream.runForEach(model.stream(sent), take).pipe(
      Effect.retry({ schedule: schedule(onRetry), while: mayPass }),
      Effect.flatMap(() =>
        end === undefined
          ? Effect.fail(
              new ChatModelError({
                model: model.name,
                failure: "bad-answer",
                detail: "its answer has no end."
              })
            )
          : Effect.succeed(end)
      )
    )
  })
