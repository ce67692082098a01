import { Effect, Ref } from "effect"
import type {
  AssistantMessage,
  ChatMessage,
  MediaPart,
  TextPart,
  TokenUsage,
  UserMessage
} from "../../domain/chat/ChatMessage.ts"
import type { ChatModelError, OpenChatModel } from "../../ports/ChatModel.ts"
import { acceptedAnswer } from "./AcceptedAnswer.ts"
import { type CallCount, type CallContext, makeCallRound } from "./CallRound.ts"
import { maxCalls, maxEqualCalls } from "./ChatLimits.ts"
import type { TurnLimit } from "./Chat.ts"
import { type AnswerEnd, askModel } from "./ModelAnswer.ts"
import type { makeModelTools } from "./ModelTool.ts"
import type { Notice, ToolList } from "./ToolList.ts"
import type { TurnReader } from "./TurnEvents.ts"

/** What a turn needs of its conversation. */
export interface TurnContext extends Omit<CallContext, "tools" | keyof TurnReader> {
  readonly system: string
  readonly list: ToolList
  readonly model: Ref.Ref<OpenChatModel>
  readonly messages: Ref.Ref<ReadonlyArray<ChatMessage>>
  readonly use: (usage: TokenUsage) => Effect.Effect<void>
  readonly toolsForModel: ReturnType<typeof makeModelTools>
}

const limitText = (limit: TurnLimit): string => {
  switch (limit) {
    case "calls":
      return `The turn ended: the model has made ${maxCalls} calls, the most of one turn. Ask it to go on if it should.`
    case "same-call":
      return `The turn ended: the model made the same call more than ${maxEqualCalls} times.`
    case "length":
      return "The answer is cut: it has reached the most tokens that the model writes at once."
    case "empty-answer":
      return "The model answered with nothing. Ask again, or in other words."
    case "content-filter":
      return "The provider ended the answer: its content filter objects to it."
  }
}

/** The limit that ended an answer. */
const limitOf = ({ reason }: AnswerEnd): TurnLimit | undefined =>
  reason === "length" || reason === "content-filter" ? reason : undefined

const assistant = (text: string, model: string): ReadonlyArray<ChatMessage> =>
  text.trim() === "" ? [] : [{ _tag: "Assistant", content: [{ _tag: "Text", text }], model }]

/**
 * Runs one turn: the model answers, its calls run, and it answers again, until it needs no more tools.
 *
 * The conversation grows by whole rounds only: an answer, and the results of all its calls. When the turn ends early, the
 * round that was open is added as it stands. What the user said is added with the first answer: a turn without one
 * leaves no trace, so that a question can be asked again.
 */
export const runTurn = Effect.fnUntraced(function* (
  context: TurnContext,
  content: ReadonlyArray<TextPart | MediaPart>,
  { allRead, emit }: TurnReader
): Effect.fn.Return<void, ChatModelError> {
  const { list, messages, model, system } = context
  const said = content.filter((part) => part._tag === "Media" || part.text.trim() !== "")
  if (said.length === 0) return
  const question: UserMessage = { _tag: "User", content: said }
  let isAsked = false
  /** The round that is open: what is added to the conversation if the turn ends now. */
  let open: () => ReadonlyArray<ChatMessage> = () => []

  const close = Effect.suspend(() => {
    const round = open()
    open = () => []
    if (round.length === 0) return Effect.void
    const added = isAsked ? round : [question, ...round]
    isAsked = true
    return Ref.update(messages, (before) => [...before, ...added])
  }).pipe(Effect.uninterruptible)
  /** Some providers refuse what a user says after the results of tools. */
  const endWithAnswer = Effect.flatMap(Ref.get(model), ({ name }) =>
    Ref.update(messages, (all) =>
      all.at(-1)?._tag === "Tool"
        ? [...all, ...assistant("(The turn ended here, without an answer.)", name)]
        : all
    )
  )
  const tell = (notices: ReadonlyArray<Notice>) =>
    Effect.sync(() => notices.forEach((notice) => emit({ _tag: "Notice", ...notice })))
  const endWith = (limit: TurnLimit) =>
    Effect.sync(() => emit({ _tag: "Limit", limit, text: limitText(limit) }))

  const counts: CallCount = { made: 0, equal: new Map() }
  const round = Effect.fnUntraced(function* (): Effect.fn.Return<boolean, ChatModelError> {
    yield* tell(yield* list.update)
    const tools = yield* list.offered
    const before = yield* Ref.get(messages)
    const current = yield* Ref.get(model)
    let written = ""
    open = () => assistant(written, current.name)
    const end = yield* askModel(
      current,
      {
        system,
        messages: isAsked ? before : [...before, question],
        tools: context.toolsForModel(tools)
      },
      {
        emit,
        onText: (text) => {
          written += text
        }
      }
    )
    yield* context.use(end.usage)
    const cut = limitOf(end)
    const accepted = acceptedAnswer(end.message, before)
    if (accepted === undefined) {
      open = () => []
      yield* endWith(cut ?? "empty-answer")
      return false
    }
    const { calls } = accepted
    const message: AssistantMessage = { ...accepted.message, model: current.name }
    if (calls.length === 0) {
      open = () => [message]
      yield* close
      if (cut !== undefined) yield* endWith(cut)
      return false
    }
    const running = makeCallRound(calls, counts, { ...context, tools, emit, allRead })
    open = () => [message, running.results()]
    // A call of an answer that was cut may be cut itself.
    const limit = cut ?? (yield* running.run)
    yield* close
    if (limit !== undefined) yield* endWith(limit)
    return limit === undefined
  })

  const all = Effect.gen(function* () {
    while (yield* round());
  })
  yield* Effect.ensuring(all, Effect.andThen(close, endWithAnswer))
})
