import { Effect, Semaphore, Stream } from "effect"
import { withoutSecretShapes } from "../../domain/SecretShape.ts"
import type { ChatMessage, UserMessage } from "../../domain/chat/ChatMessage.ts"
import type { ChatEvent, OpenChatModel } from "../../ports/ChatModel.ts"
import {
  type RequestHandlers,
  type Sampling,
  type SamplingAnswer,
  SamplingRefused,
  ServerQuestions
} from "../../ports/ServerRequests.ts"
import { maxSampledText, maxSampledTokens } from "./ChatLimits.ts"
import { makeUserTime, type UserTime } from "./UserTime.ts"
import type { WithoutSecrets } from "./WithoutSecrets.ts"

const refused = (detail: string) => new SamplingRefused({ detail })

/** A user message, then answers and user messages in turn. Undefined: the model has nothing to answer. */
const conversationOf = (messages: Sampling["messages"]): ReadonlyArray<ChatMessage> | undefined => {
  const turns: Array<{ role: "user" | "assistant"; content: UserMessage["content"] }> = []
  for (const { content, role } of messages) {
    const last = turns.at(-1)
    if (last?.role === role) last.content = [...last.content, ...content]
    else turns.push({ role, content })
  }
  if (turns[0]?.role !== "user" || turns.at(-1)?.role !== "user") return undefined
  return turns.map(({ content, role }): ChatMessage =>
    role === "user"
      ? { _tag: "User", content }
      : { _tag: "Assistant", content: content.filter((part) => part._tag === "Text") }
  )
}

const answerOf = Effect.fnUntraced(function* (
  model: OpenChatModel,
  sampling: Sampling,
  messages: ReadonlyArray<ChatMessage>
): Effect.fn.Return<SamplingAnswer, SamplingRefused> {
  const request = {
    system: sampling.system ?? "",
    messages,
    tools: [],
    maxOutputTokens: Math.min(Math.max(1, sampling.maxTokens), maxSampledTokens)
  }
  const events: ReadonlyArray<ChatEvent> = yield* Stream.runCollect(model.stream(request)).pipe(
    // What is wrong with the model is the user's to know.
    Effect.mapError(() => refused("The model gave no answer."))
  )
  const text = events.map((event) => (event._tag === "Text" ? event.text : "")).join("")
  const isCut = events.some((event) => event._tag === "End" && event.reason === "length")
  return { text, model: model.name, reason: isCut ? "maxTokens" : "endTurn" }
})

const charactersOf = ({ messages, system = "" }: Sampling): number =>
  messages
    .flatMap(({ content }) => content)
    .reduce((sum, part) => sum + (part._tag === "Text" ? part.text.length : 0), system.length)

/** A request without secrets: a server knows the token of its user. */
const clear = ({ messages, system, ...rest }: Sampling, withoutSecrets: WithoutSecrets): Sampling => ({
  ...rest,
  system: system === undefined ? undefined : withoutSecrets(system),
  messages: messages.map(({ content, role }) => ({
    role,
    content: content.map((part) =>
      part._tag === "Text" ? { ...part, text: withoutSecrets(part.text) } : part
    )
  }))
})

/**
 * Answers the requests of servers: the user answers elicitations, and the model of the conversation what the user approves.
 * The user also approves the answer before the server gets it (MCP "Sampling": both with a human in the loop). One question
 * at a time. The servers get no part of the conversation.
 */
export const serverRequestHandlers = Effect.fnUntraced(function* (
  model: Effect.Effect<OpenChatModel>,
  userTime: UserTime = makeUserTime(),
  withoutSecrets: WithoutSecrets = withoutSecretShapes
): Effect.fn.Return<RequestHandlers, never, ServerQuestions> {
  const questions = yield* ServerQuestions
  const turn = yield* Semaphore.make(1)
  return {
    elicit: (elicitation) =>
      userTime.asking(elicitation.server, turn.withPermit(questions.elicit(elicitation))),
    sample: Effect.fn("ServerRequestHandlers.sample")(function* (requested: Sampling) {
      if (charactersOf(requested) > maxSampledText)
        return yield* refused(
          `The messages have more than ${maxSampledText.toLocaleString("en")} characters.`
        )
      // The user approves what the model gets.
      const sampling = clear(requested, withoutSecrets)
      const messages = conversationOf(sampling.messages)
      if (messages === undefined) return yield* refused("The messages do not start and end with the user.")
      const asked = (question: Effect.Effect<boolean>) =>
        Effect.filterOrFail(
          userTime.asking(sampling.server, turn.withPermit(question)),
          (isApproved) => isApproved,
          () => refused("The user does not allow it.")
        )
      yield* asked(questions.approveSampling(sampling))
      const answer = yield* answerOf(yield* model, sampling, messages)
      yield* asked(questions.approveAnswer(sampling, answer))
      return answer
    })
  }
})
