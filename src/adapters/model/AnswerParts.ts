import type {
  LanguageModelV4FinishReason,
  LanguageModelV4StreamPart,
  LanguageModelV4Usage
} from "@ai-sdk/provider"
import type { AssistantPart, TokenUsage } from "../../domain/chat/ChatMessage.ts"
import type { ChatEvent, EndReason } from "../../ports/ChatModel.ts"
import { providerData } from "./ChatPrompt.ts"

/** A part that is being written. */
interface OpenPart {
  readonly _tag: "Text" | "Reasoning"
  text: string
  metadata: unknown
}

const usageOf = ({ inputTokens, outputTokens }: LanguageModelV4Usage): TokenUsage => ({
  input: inputTokens.total,
  cachedInput: inputTokens.cacheRead,
  output: outputTokens.total
})

const reasonOf = ({ unified }: LanguageModelV4FinishReason, hasCalls: boolean): EndReason => {
  // Some servers say `stop` after calls.
  if (hasCalls && (unified === "stop" || unified === "other")) return "tool-calls"
  return unified === "error" || unified === "interrupted" ? "other" : unified
}

/**
 * Collects the parts of one answer.
 *
 * **Gotchas**
 *
 * - A provider may send a signature in an empty part, or in the last one.
 * - Ids of calls are unique in the conversation: some servers leave them out or repeat them.
 */
export class AnswerParts {
  readonly #model: string
  readonly #nameOf: (name: string) => string
  readonly #usedIds: Set<string>
  readonly #open = new Map<string, OpenPart>()
  /** In the order in which they began. */
  readonly #parts: Array<OpenPart | AssistantPart> = []
  #calls = 0
  #hasEnded = false

  constructor(model: string, nameOf: (name: string) => string, usedIds: Set<string>) {
    this.#model = model
    this.#nameOf = nameOf
    this.#usedIds = usedIds
  }

  /** The calls so far. */
  get calls(): number {
    return this.#calls
  }

  /** True once the answer is complete. */
  get hasEnded(): boolean {
    return this.#hasEnded
  }

  /** The events of one part. */
  add(part: LanguageModelV4StreamPart): ReadonlyArray<ChatEvent> {
    switch (part.type) {
      case "text-start":
      case "text-delta":
      case "text-end":
        return this.#write("Text", part)
      case "reasoning-start":
      case "reasoning-delta":
      case "reasoning-end":
        return this.#write("Reasoning", part)
      case "tool-input-start":
        return [{ _tag: "ToolCallStarted", name: this.#nameOf(part.toolName) }]
      case "tool-call": {
        // A tool of the provider's own, which it has run itself: none was offered.
        if (part.providerExecuted === true) return []
        this.#calls++
        const call = {
          _tag: "ToolCall" as const,
          id: this.#freshId(part.toolCallId),
          name: this.#nameOf(part.toolName),
          arguments: part.input,
          ...providerData(this.#model, part.providerMetadata)
        }
        this.#parts.push(call)
        return [{ _tag: "ToolCall", call }]
      }
      case "finish":
        this.#hasEnded = true
        return [this.#end(part.finishReason, part.usage)]
      default:
        return []
    }
  }

  #freshId(given: string): string {
    let id = given
    for (let count = 2; id === "" || this.#usedIds.has(id); count++) id = `${given || "call"}_${count}`
    this.#usedIds.add(id)
    return id
  }

  #write(
    tag: OpenPart["_tag"],
    part: { readonly id: string; readonly delta?: string; readonly providerMetadata?: unknown }
  ): ReadonlyArray<ChatEvent> {
    const key = `${tag} ${part.id}`
    let open = this.#open.get(key)
    if (open === undefined) {
      open = { _tag: tag, text: "", metadata: undefined }
      this.#open.set(key, open)
      this.#parts.push(open)
    }
    open.metadata = part.providerMetadata ?? open.metadata
    const text = part.delta ?? ""
    if (text === "") return []
    open.text += text
    return [{ _tag: tag, text }]
  }

  #end(reason: LanguageModelV4FinishReason, usage: LanguageModelV4Usage): ChatEvent {
    const content = this.#parts.flatMap((part): ReadonlyArray<AssistantPart> => {
      if (!("metadata" in part)) return [part]
      const data = providerData(this.#model, part.metadata)
      // Thoughts belong to their model even if it signs nothing.
      if (part._tag === "Reasoning") {
        return part.text === "" && data.providerData === undefined
          ? []
          : [
              {
                _tag: "Reasoning",
                text: part.text,
                providerData: data.providerData ?? { model: this.#model }
              }
            ]
      }
      return part.text === "" ? [] : [{ _tag: "Text", text: part.text, ...data }]
    })
    const isAnswer = content.some(({ _tag }) => _tag !== "Reasoning")
    return {
      _tag: "End",
      reason: reasonOf(reason, this.#calls > 0),
      usage: usageOf(usage),
      message: isAnswer ? { _tag: "Assistant", content } : undefined
    }
  }
}
