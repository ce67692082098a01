import { type Cause, Effect, Stream } from "effect"
import type { TokenUsage } from "../../../domain/chat/ChatMessage.ts"
import { Display } from "../../../ports/Display.ts"
import type { McpCallOptions } from "../../../ports/McpConnector.ts"
import { withProgress } from "../../../ports/ProgressDisplay.ts"
import type { ChatSession, Message, ShownCall, TurnEvent } from "../../chat/Chat.ts"
import { endLine, printPiece, tell } from "../Output.ts"
import { remedyText } from "../RemedyText.ts"
import { configFileOfRun } from "../Settings.ts"
import { callText, durationText, endedCall } from "./CallText.ts"
import { endOfMarkdown, startOfMarkdown, styledPiece } from "./Markdown.ts"
import { makeRunningCalls } from "./RunningCalls.ts"
import { noTokens, sumOfTokens } from "./TokenText.ts"

/** What a turn has led to. */
export interface ShownTurn {
  readonly usage: TokenUsage
  /** The tools that were not called because no user could be asked: `server:tool`. */
  readonly unapproved: ReadonlyArray<string>
  /** What ended the turn before the model was done. */
  readonly limit: LimitEvent | undefined
}

type LimitEvent = Extract<TurnEvent, { readonly _tag: "Limit" }>

/** The next event of a turn, which runs until the scope closes. Events are pulled when those before them are shown. */
const eventsOf = Effect.fnUntraced(function* (session: ChatSession, message: Message) {
  const pull = yield* Stream.toPull(session.turn(message))
  let pulled: Iterator<TurnEvent> = [].values()
  return Effect.gen(function* () {
    for (;;) {
      const next = pulled.next()
      if (next.done !== true) return next.value
      pulled = (yield* pull).values()
    }
  })
})

/** Shows the text of answers as it arrives. */
const makeGrowingText = Effect.gen(function* () {
  const { canColor } = yield* Display
  let state = startOfMarkdown
  let isOpen = false
  return {
    isOpen: () => isOpen,
    add: (text: string) =>
      Effect.suspend(() => {
        const styled = styledPiece(state, text, !canColor)
        state = styled.state
        isOpen = true
        return printPiece(styled.parts)
      }),
    end: Effect.suspend(() => {
      if (!isOpen) return Effect.void
      const rest = endOfMarkdown(state, !canColor)
      state = startOfMarkdown
      isOpen = false
      return Effect.andThen(printPiece(rest), endLine)
    })
  }
})

/** Shows the last answer only: the text before a call is told as a message. */
const makeLastText = Effect.sync(() => {
  let text = ""
  const take = () => {
    const all = text
    text = ""
    return all
  }
  return {
    isOpen: () => false,
    add: (piece: string) =>
      Effect.sync(() => {
        text += piece
      }),
    end: Effect.suspend(() => {
      const before = take().trim()
      return before === "" ? Effect.void : tell(...before.split("\n"))
    }),
    finish: Effect.suspend(() => {
      const { parts, state } = styledPiece(startOfMarkdown, take(), true)
      return printPiece([...parts, ...endOfMarkdown(state, true)]).pipe(Effect.andThen(endLine))
    })
  }
})

/** What the user reads while nothing else is shown. */
const waitText = (running: ReadonlyArray<ShownCall>): string => {
  const [first, ...others] = running.map((call) => callText(call))
  if (first === undefined) return "Thinking"
  return others.length === 0 ? first : `${running.length} calls: ${[first, ...others].join(", ")}`
}

/** Tells what is no text of an answer. */
const tellEvent = Effect.fnUntraced(function* (event: TurnEvent) {
  switch (event._tag) {
    case "CallEnded": {
      const { errorColumns } = yield* Display
      return yield* tell(endedCall(event.call, event.outcome, event.duration, errorColumns))
    }
    case "Notice": {
      const configFile = yield* configFileOfRun
      const remedies = event.remedies ?? []
      return yield* tell(event.text, ...remedies.map((remedy) => remedyText(remedy, configFile)))
    }
    case "Limit":
      return yield* tell(event.text)
  }
})

/** The next event that changes what is shown. Of the others only progress is. */
const nextShown = Effect.fnUntraced(function* (
  take: Effect.Success<ReturnType<typeof eventsOf>>,
  onProgress: McpCallOptions["onProgress"]
) {
  for (;;) {
    const event = yield* take
    if (event._tag === "CallProgress") onProgress?.(event.progress)
    else if (event._tag !== "Reasoning") return event
  }
})

/**
 * Runs a turn and shows it: text on stdout, styled where colours are; calls, waiting and notices on stderr.
 *
 * @param isLastOnly true: stdout gets the text of the last answer only
 * @param tellsLimit false: the caller reports the limit that ended the turn
 */
export const showTurn = Effect.fnUntraced(function* (
  session: ChatSession,
  message: Message,
  isLastOnly = false,
  tellsLimit = true
) {
  const last = yield* makeLastText
  const text = isLastOnly ? last : yield* makeGrowingText
  const running = makeRunningCalls()
  const unapproved = new Set<string>()
  let usage = noTokens
  let problem: string | undefined
  let limit: LimitEvent | undefined
  const take = yield* eventsOf(session, message)
  const show = Effect.fnUntraced(function* (event: TurnEvent) {
    if (event._tag === "Text") return yield* text.add(event.text)
    if (event._tag === "Usage") {
      usage = sumOfTokens(usage, event.usage)
      return
    }
    if (!isLastOnly || event._tag.startsWith("Call")) yield* text.end
    if (event._tag === "Retrying") {
      // One that comes again and again is told once.
      const { delay, error } = event
      const why = error.message === problem ? "" : `${error.message} `
      problem = error.message
      return yield* tell(`${why}Trying again in ${durationText(delay)}.`)
    }
    running.note(event)
    if (event._tag === "CallEnded") {
      const { call, outcome } = event
      if (outcome._tag === "NeedsApproval" && call.tool !== undefined)
        unapproved.add(`${call.tool.server}:${call.tool.tool.name}`)
    }
    if (event._tag === "Limit") limit = event
    if (event._tag !== "Limit" || tellsLimit) yield* tellEvent(event)
  })
  const next = Effect.suspend(() =>
    text.isOpen()
      ? nextShown(take, undefined)
      : withProgress(waitText(running.calls()), (onProgress) => nextShown(take, onProgress))
  )
  yield* Effect.forever(Effect.flatMap(next, show)).pipe(
    Effect.catchIf(
      (error): error is Cause.Done => error._tag === "Done",
      () => (isLastOnly ? last.finish : Effect.void)
    ),
    // What was shown of an answer that broke off stays, and is no answer.
    Effect.ensuring(text.end),
    Effect.onInterrupt(() => Effect.flatMap(running.stopped, Effect.forEach(tellEvent)))
  )
  return { usage, unapproved: [...unapproved], limit } satisfies ShownTurn
}, Effect.scoped)
