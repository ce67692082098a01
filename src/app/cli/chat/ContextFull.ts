import type { Remedy } from "../../../domain/Remedy.ts"
import { ChatModelError } from "../../../ports/ChatModel.ts"

/** An error of a model with what a user does if the conversation is too long for it. */
export const withWayOut = (error: ChatModelError, wayOut: Remedy): ChatModelError =>
  error.failure !== "context-full"
    ? error
    : new ChatModelError({
        model: error.model,
        failure: error.failure,
        detail: error.detail,
        remedies: [wayOut, ...error.remedies]
      })
