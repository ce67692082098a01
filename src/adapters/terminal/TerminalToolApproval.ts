import { Effect, Layer, type Scope } from "effect"
import { type ApprovalDecision, type ApprovalRequest, ToolApproval } from "../../ports/ToolApproval.ts"
import { approvalText, isCut, wholeApprovalText } from "./ApprovalText.ts"
import { singleKeys } from "./SingleKeys.ts"
import { isAttended, say } from "./Terminal.ts"

const question = (request: ApprovalRequest) =>
  `Run it? y once, a always in this chat, k in later ones too, n no${isCut(request) ? ", v view all" : ""}: `

const ask = (request: ApprovalRequest): Effect.Effect<ApprovalDecision> =>
  Effect.gen(function* (): Effect.fn.Return<ApprovalDecision, never, Scope.Scope> {
    const { askKey, askLine } = yield* singleKeys("y", "a", "k", "n", "v")
    yield* say(`${approvalText(request)}\n`)
    for (;;) {
      switch (yield* askKey(question(request))) {
        case "y":
          return { _tag: "Once" }
        case "a":
          return { _tag: "Always" }
        case "k":
          return { _tag: "Always", isKept: true }
        case "end":
          return { _tag: "No", reason: undefined }
        case "n": {
          const reason = ((yield* askLine("Why not? The model is told; Enter says nothing: ")) ?? "").trim()
          return { _tag: "No", reason: reason === "" ? undefined : reason }
        }
        case "v":
          yield* say(`${wholeApprovalText(request)}\n`)
      }
    }
  }).pipe(Effect.scoped)

/**
 * Asks at the terminal with single keys. Enter is no answer, and neither is what was typed before the question. Ctrl-C cancels
 * the turn, as anywhere in it.
 */
export const layer = (options: { readonly interactive: boolean }): Layer.Layer<ToolApproval> =>
  Layer.succeed(ToolApproval, {
    ask: Effect.fn("TerminalToolApproval.ask")((request) =>
      options.interactive && isAttended() ? ask(request) : Effect.succeed({ _tag: "NotAsked" as const })
    )
  })
