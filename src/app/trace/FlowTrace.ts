import { Cause, Clock, Context, Effect, Exit, Fiber } from "effect"
import type { RemoteServer } from "../../domain/Server.ts"
import type { ShownText, Trace, TraceEvent, TraceLane, TraceOutcome } from "../../domain/TraceEvent.ts"
import type { RecordedResponse } from "./BodyRecord.ts"
import { flowConfiguration } from "./FlowConfiguration.ts"
import { makeRedactor, type Redactor } from "./Redactor.ts"
import { bodyTimeout, maxEvents } from "./TraceLimits.ts"

/** The server and account that a flow signs in to. */
export interface TracedFlow {
  readonly server: RemoteServer
  /** The server's URL with its `${VAR}` unexpanded: the values of variables are struck out. */
  readonly urlAsWritten: string
  readonly account: string | undefined
}

/** What is recorded while a flow runs. */
export interface Recording {
  readonly redactor: Redactor
  readonly add: (event: () => TraceEvent) => void
  /** Adds a server to the lanes of the trace. */
  readonly addLane: (origin: string, role?: TraceLane["roles"][number]) => void
  /** Adds a body that may still be read for the trace when the flow ends. */
  readonly addBody: (body: Omit<RecordedResponse, "response">) => void
  /** When the browser was last sent to the authorization server, in milliseconds since the epoch. */
  browserOpenedAt: number | undefined
}

/** The recording of the flow that this fiber belongs to; `undefined` outside of {@link record}. */
export const CurrentRecording = Context.Reference<Recording | undefined>(
  "mcp-cli-oauth/app/trace/FlowTrace/CurrentRecording",
  { defaultValue: () => undefined }
)

const outcomeOf = (
  exit: Exit.Exit<unknown, { readonly message: string }>,
  text: (text: string) => ShownText
): TraceOutcome => {
  if (Exit.isSuccess(exit)) return { _tag: "SignedIn", message: text("The tokens were received and stored.") }
  const error = Cause.findErrorOption(exit.cause)
  if (error._tag === "Some") return { _tag: "Failed", message: text(error.value.message) }
  return Cause.hasInterruptsOnly(exit.cause)
    ? { _tag: "Interrupted", message: text("The sign-in was interrupted before it was complete.") }
    : { _tag: "Failed", message: text("mcp-cli failed with an internal error.") }
}

/** Waits for the bodies that only the trace still reads, and then stops reading them. */
const settleBodies = Effect.fnUntraced(function* (bodies: ReadonlyArray<Omit<RecordedResponse, "response">>) {
  const idle = Effect.promise(() => Promise.all(bodies.map((body) => body.idle())))
  // Detached: an interrupted fiber would not wait.
  const waiting = yield* Effect.forkDetach(Effect.interruptible(Effect.timeoutOption(idle, bodyTimeout)))
  yield* Fiber.await(waiting)
  yield* Effect.promise(() => Promise.all(bodies.map((body) => body.stop())))
})

/**
 * Runs a flow and records it: each request with its answer, and what the browser is sent to and comes back with. Secrets
 * are struck out when a message is recorded (see {@link Redactor}).
 *
 * `save` receives the trace however the flow ends, also when it is interrupted, and runs before the caller sees the
 * result.
 */
export const record = Effect.fn("FlowTrace.record")(function* <
  A,
  E extends { readonly message: string },
  R,
  E2,
  R2
>(
  { account, server, urlAsWritten }: TracedFlow,
  flow: Effect.Effect<A, E, R>,
  save: (trace: Trace) => Effect.Effect<void, E2, R2>
): Effect.fn.Return<A, E | E2, R | R2> {
  const redactor = makeRedactor(flowConfiguration(server, urlAsWritten))
  const events: Array<() => TraceEvent> = []
  const lanes = new Map<string, Set<TraceLane["roles"][number]>>()
  const bodies: Array<Omit<RecordedResponse, "response">> = []
  const recording: Recording = {
    redactor,
    add: (event) => void (events.length < maxEvents && events.push(event)),
    addLane: (origin, role) => {
      const roles = lanes.get(origin) ?? new Set()
      if (role !== undefined) roles.add(role)
      lanes.set(origin, roles)
    },
    addBody: (body) => void bodies.push(body),
    browserOpenedAt: undefined
  }
  recording.addLane(server.url.origin, "MCP server")
  const startedAt = yield* Clock.currentTimeMillis
  return yield* flow.pipe(
    Effect.provideService(CurrentRecording, recording),
    Effect.onExit((exit) =>
      Effect.gen(function* () {
        yield* settleBodies(bodies)
        const trace: Trace = {
          server: server.name,
          account,
          startedAt,
          endedAt: yield* Clock.currentTimeMillis,
          outcome: outcomeOf(exit, redactor.text),
          lanes: [...lanes].map(([origin, roles]) => ({ origin, roles: [...roles] })),
          events: events.map((event) => event())
        }
        yield* save(redactor.settle(trace))
      })
    )
  )
})
