import { Context, type Effect, Schema } from "effect"
import type { MediaPart, TextPart } from "../domain/chat/ChatMessage.ts"

/** What a server asks the user (MCP "Elicitation"). Its texts are the server's. */
export type Elicitation =
  /** To fill in a form. The schema is that of an object with texts, numbers, booleans and choices. */
  | {
      readonly _tag: "Form"
      readonly server: string
      readonly message: string
      readonly schema: Readonly<Record<string, unknown>>
    }
  /** To open a page. What the user does there does not pass through this program. */
  | { readonly _tag: "Url"; readonly server: string; readonly message: string; readonly url: string }

/** What the user answers. */
export type ElicitationAnswer =
  /** Of a form: the values by the names of the fields. Of a page: empty. */
  | { readonly _tag: "Accept"; readonly content: Readonly<Record<string, unknown>> }
  | { readonly _tag: "Decline" }
  /** No answer: the user left the question, or none can be asked. */
  | { readonly _tag: "Cancel" }

/** What a server wants a model to answer (MCP "Sampling"). */
export interface Sampling {
  readonly server: string
  readonly system: string | undefined
  readonly messages: ReadonlyArray<{
    readonly role: "user" | "assistant"
    readonly content: ReadonlyArray<TextPart | MediaPart>
  }>
  readonly maxTokens: number
}

/** What the model answered. */
export interface SamplingAnswer {
  readonly text: string
  /** Its name, as the server is told. */
  readonly model: string
  readonly reason: "endTurn" | "maxTokens"
}

/** A server gets no answer of a model. */
export class SamplingRefused extends Schema.TaggedError<SamplingRefused>()("SamplingRefused", {
  /** A whole sentence, for the server. */
  detail: Schema.String
}) {
  override get message(): string {
    return this.detail
  }
}

/** Who answers the requests of servers. A capability is declared to a server only if its handler is there. */
export interface RequestHandlers {
  readonly elicit?: (elicitation: Elicitation) => Effect.Effect<ElicitationAnswer>
  readonly sample?: (sampling: Sampling) => Effect.Effect<SamplingAnswer, SamplingRefused>
}

/** Who answers the requests of the servers of new sessions. By default nothing does: the capabilities are not declared. */
export const ServerRequests = Context.Reference<RequestHandlers>("mcp-cli-oauth/ports/ServerRequests", {
  defaultValue: () => ({})
})

/** Asks the user what servers want to know, one question at a time. */
export class ServerQuestions extends Context.Service<
  ServerQuestions,
  {
    readonly elicit: (elicitation: Elicitation) => Effect.Effect<ElicitationAnswer>
    /** True: the model of the conversation may answer this. */
    readonly approveSampling: (sampling: Sampling) => Effect.Effect<boolean>
    /** True: the server gets this answer of the model. */
    readonly approveAnswer: (sampling: Sampling, answer: SamplingAnswer) => Effect.Effect<boolean>
  }
>()("mcp-cli-oauth/ports/ServerQuestions") {}
