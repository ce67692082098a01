import { Layer } from "effect"
import * as ChatModels from "../adapters/model/ChatModels.ts"
import * as TerminalServerQuestions from "../adapters/terminal/TerminalServerQuestions.ts"
import * as TerminalToolApproval from "../adapters/terminal/TerminalToolApproval.ts"
import * as Chat from "../app/chat/Chat.ts"
import * as StoredModelKeys from "../app/storage/StoredModelKeys.ts"
import { chatHistory, toolPins } from "./StorageLive.ts"

/** What conversations with a model need besides sessions. */
export const layer = (options: { readonly interactive: boolean }) =>
  Layer.mergeAll(
    Chat.layer.pipe(Layer.provide([TerminalToolApproval.layer(options), toolPins])),
    ChatModels.layer.pipe(Layer.provide(StoredModelKeys.layer)),
    TerminalServerQuestions.layer(options),
    chatHistory
  )
