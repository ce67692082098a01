import { Clock, Duration, Effect } from "effect"
import { canonicalJson } from "../../domain/CanonicalJson.ts"
import type { ToolMessage } from "../../domain/chat/ChatMessage.ts"
import { UserWait } from "../../ports/UserWait.ts"
import type { WrittenCall } from "./AcceptedAnswer.ts"
import type { ServerTool, ShownCall, TurnLimit } from "./Chat.ts"
import { endedWithout, type EndedCall, failedCall, makeToolCall, type ToolCallContext } from "./ToolCall.ts"
import type { ListedTool } from "./ToolList.ts"
import type { TurnReader } from "./TurnEvents.ts"
import type { UserTime } from "./UserTime.ts"
import { callsAtOnce, maxCalls, maxEqualCalls } from "./ChatLimits.ts"

/** What the calls of a turn have used of its limits. */
export interface CallCount {
  made: number
  readonly equal: Map<string, number>
}

/** What calls need of their conversation. */
export interface CallContext
  extends Pick<ToolCallContext, "tools" | "permissions" | "sources" | "withoutSecrets">, TurnReader {
  readonly shown: (tool: ListedTool) => ServerTool
  readonly userTime: UserTime
}

/** One call of a round. */
interface Call {
  readonly written: WrittenCall
  readonly shown: ShownCall
  /** How long it has run. Undefined: it does not run, or not yet. */
  elapsed: Effect.Effect<Duration.Duration> | undefined
  /** Undefined: it has not ended. */
  ended: EndedCall | undefined
}

/** A way to run the calls of one answer, whose results are complete at any time. */
export interface CallRound {
  /** Runs the calls; ends with the limit that kept some from being made. */
  readonly run: Effect.Effect<TurnLimit | undefined>
  /** The results of all calls as they stand: one that runs may have been carried out, one that waits was not made. */
  readonly results: () => ToolMessage
}

const notMade = failedCall("The call was not made: the turn ended before it.")

const limitTexts: Readonly<Record<"calls" | "same-call", string>> = {
  calls: `The call was not made: one turn has at most ${maxCalls} calls.`,
  "same-call": `The call was not made: an equal one was made ${maxEqualCalls} times in this turn.`
}

/** Counts a call. Returns the limit that keeps it from being made. */
const countCall = (counts: CallCount, { arguments: args, name, text }: WrittenCall) => {
  if (counts.made >= maxCalls) return "calls"
  const key = `${name} ${args === undefined ? text : canonicalJson(args)}`
  const equal = counts.equal.get(key) ?? 0
  if (equal >= maxEqualCalls) return "same-call"
  counts.made++
  counts.equal.set(key, equal + 1)
  return undefined
}

/** The calls of one answer. None of them runs twice, and none is left without a result. */
export const makeCallRound = (
  written: ReadonlyArray<WrittenCall>,
  counts: CallCount,
  { allRead, emit, permissions, shown, sources, tools, userTime, withoutSecrets }: CallContext
): CallRound => {
  const calls = written.map((call): Call => {
    const { arguments: args, name, part } = call
    const tool = tools.find((one) => one.name === name)
    return {
      written: call,
      shown: { id: part.id, tool: tool === undefined ? undefined : shown(tool), name, arguments: args },
      elapsed: undefined,
      ended: undefined
    }
  })

  const end = (call: Call, ended: EndedCall) =>
    Effect.map(call.elapsed ?? Effect.succeed(Duration.zero), (duration) => {
      call.ended = ended
      emit({ _tag: "CallEnded", call: call.shown, outcome: ended.outcome, duration })
    })

  /** A clock that stands still while the server of a call waits for the user. */
  const workOf = ({ shown: { tool } }: Call) =>
    Effect.zipWith(Clock.currentTimeMillis, userTime.spent(tool?.server ?? ""), (now, spent) => now - spent)

  const runOne = (call: Call) =>
    makeToolCall(call.written, {
      tools,
      permissions,
      sources,
      withoutSecrets,
      tell: (notice) => emit({ _tag: "Notice", ...notice }),
      onStart: Effect.map(workOf(call), (startedAt) => {
        const elapsed = Effect.map(workOf(call), (now) => Duration.millis(now - startedAt))
        call.elapsed = elapsed
        emit({ _tag: "CallStarted", call: call.shown, elapsed })
      }),
      onProgress: (progress) => emit({ _tag: "CallProgress", call: call.shown, progress })
    }).pipe(
      Effect.provideService(UserWait, userTime.asking),
      Effect.flatMap((ended) => end(call, ended))
    )

  const run = Effect.gen(function* () {
    yield* allRead
    let limit: TurnLimit | undefined
    const admitted: Array<Call> = []
    for (const call of calls) {
      const reached = countCall(counts, call.written)
      limit ??= reached
      if (reached === undefined) admitted.push(call)
      else yield* end(call, failedCall(limitTexts[reached]))
    }
    yield* Effect.forEach(admitted, runOne, { concurrency: callsAtOnce, discard: true })
    return limit
  })

  return {
    run,
    results: () => ({
      _tag: "Tool",
      results: calls.map(({ elapsed, ended, written: { part } }) => {
        const open = elapsed === undefined ? notMade : endedWithout({ _tag: "Interrupted" })
        const { content, isError } = ended ?? open
        return { id: part.id, name: part.name, isError, content }
      })
    })
  }
}
