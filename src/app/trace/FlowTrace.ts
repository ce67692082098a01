import { Cause, Clock, Context, Effect, Exit, Fiber, Layer, Redacted } from "effect"
import type { AuthorizationResponse } from "../../domain/AuthorizationResponse.ts"
import { type Redactor, makeRedactor } from "./Redactor.ts"
import { publicInAnswer, publicInRequest } from "./PublicNames.ts"
import type { Grant, RemoteServer, SecretSource } from "../../domain/Server.ts"
import type {
  MessageKind,
  ShownAnswer,
  ShownBody,
  ShownText,
  Trace,
  TraceEvent,
  TraceLane,
  TraceOutcome
} from "../../domain/TraceEvent.ts"
import { Browser } from "../../ports/Browser.ts"
import { CallbackListener } from "../../ports/CallbackListener.ts"
import { HttpTransport } from "../../ports/HttpTransport.ts"
import { UserInteraction } from "../../ports/UserInteraction.ts"
import { recordBody, type RecordedResponse } from "./BodyRecord.ts"

/** What a flow is about. */
export interface TracedFlow {
  readonly server: RemoteServer
  /** The server's URL as the configuration writes it: what `${VAR}` stands for in it is struck out. */
  readonly urlAsWritten: string
  readonly account: string | undefined
}

/**
 * Records a flow: every request and answer, and what the browser is sent away with and comes back with. Secrets are struck
 * out when a message is recorded, by the kind of message, the name and the type of each value (`Redactor`).
 */
export class FlowTrace extends Context.Service<
  FlowTrace,
  {
    /**
     * Runs a flow and records it, one at a time. The record is kept however the flow ends: before anybody hears of its
     * success or failure, and also where it is interrupted.
     */
    readonly record: <A, E extends { readonly message: string }, R, E2, R2>(
      about: TracedFlow,
      flow: Effect.Effect<A, E, R>,
      keep: (trace: Trace) => Effect.Effect<void, E2, R2>
    ) => Effect.Effect<A, E | E2, R | R2>
    /** The record under way, for the layers of this file; absent: nothing is recorded. */
    readonly current: () => Recording | undefined
  }
>()("mcp-cli-oauth/app/trace/FlowTrace") {}

/** What is written down while a flow runs. */
interface Recording {
  readonly redactor: Redactor
  readonly add: (event: () => TraceEvent) => void
  readonly meet: (origin: string, role?: TraceLane["roles"][number]) => void
  /** A body that may still be read for the record when the flow ends. */
  readonly onEnd: (body: Omit<RecordedResponse, "response">) => void
  /** When the browser was sent away last, in milliseconds since the epoch. */
  sentAway: number | undefined
}

/** Milliseconds for which the end of a record waits for bodies that nobody reads any more. */
const shutdownTimeout = 1000

/** Steps that are recorded: a page that keeps on calling at the callback fills no memory. */
const maxEvents = 200

const kindsOfAuthority: ReadonlySet<MessageKind> = new Set([
  "authorization server metadata",
  "client registration",
  "authorization request",
  "device authorization request",
  "token request",
  "revocation request"
])

const textOf = (secret: SecretSource | undefined): ReadonlyArray<string> =>
  Redacted.isRedacted(secret) ? [Redacted.value(secret)] : []

const secretsOfGrant = (grant: Grant | undefined): ReadonlyArray<string> => {
  switch (grant?._tag) {
    case "JwtBearer":
      return textOf(grant.assertion)
    case "EnterpriseManaged":
      return [
        ...textOf(grant.identityProvider.client.clientSecret),
        ...textOf(grant.identityProvider.subjectToken)
      ]
    default:
      return []
  }
}

/** Everything of a server's configuration that nobody else should see. */
const secretsOf = ({ headers, oauth, url }: RemoteServer): ReadonlyArray<string> =>
  [
    url.username,
    url.password,
    ...Object.values(headers).map(Redacted.value),
    ...textOf(oauth.source.client?.clientSecret),
    ...secretsOfGrant(oauth.grant),
    ...Object.entries(oauth.extraAuthParams)
      .filter(([name]) => !Object.hasOwn(publicInRequest["authorization request"], name))
      .map(([, value]) => value)
  ].filter((secret) => secret !== "")

const endpointsOf = ({ oauth }: RemoteServer): ReadonlyArray<readonly [MessageKind, URL]> => {
  const { source } = oauth
  if (source._tag !== "ByHand") return []
  const all: ReadonlyArray<readonly [MessageKind, URL | undefined]> = [
    ["authorization request", source.authorizationEndpoint],
    ["token request", source.tokenEndpoint],
    ["device authorization request", source.deviceAuthorizationEndpoint],
    ["revocation request", source.revocationEndpoint]
  ]
  return all.flatMap(([kind, url]) => (url === undefined ? [] : [[kind, url] as const]))
}

const formOf = (headers: Headers): "JSON" | "form" | undefined => {
  const type = (headers.get("content-type") ?? "").split(";")[0]?.trim().toLowerCase() ?? ""
  if (type === "application/x-www-form-urlencoded") return "form"
  return type === "application/json" || type.endsWith("+json") ? "JSON" : undefined
}

/** What is shown of a body that is of no kind that is known. */
const notKept = ({ body, headers }: Request | Response): ShownBody => {
  if (body === null || headers.get("content-length") === "0") return { _tag: "None" }
  const hasType = headers.has("content-type")
  return { _tag: "NotKept", why: hasType ? "it is neither JSON nor a form" : "it does not say what it is" }
}

const outcomeOf = (
  exit: Exit.Exit<unknown, { readonly message: string }>,
  text: (text: string) => ShownText
): TraceOutcome => {
  if (Exit.isSuccess(exit)) return { _tag: "SignedIn", message: text("The tokens came, and are kept.") }
  const error = Cause.findErrorOption(exit.cause)
  if (error._tag === "Some") return { _tag: "Failed", message: text(error.value.message) }
  return Cause.hasInterruptsOnly(exit.cause)
    ? { _tag: "Interrupted", message: text("Interrupted before the sign-in came to its end.") }
    : { _tag: "Failed", message: text("Something went wrong in mcp-cli that should not have.") }
}

/** @see FlowTrace */
export const layer: Layer.Layer<FlowTrace> = Layer.sync(FlowTrace, () => {
  let current: Recording | undefined

  const record: FlowTrace["Service"]["record"] = Effect.fn("FlowTrace.record")(function* (about, flow, keep) {
    const { server } = about
    const redactor = makeRedactor({
      server: server.url,
      serverAsWritten: about.urlAsWritten,
      endpoints: endpointsOf(server),
      configuredHeaders: Object.keys(server.headers),
      secrets: secretsOf(server)
    })
    const events: Array<() => TraceEvent> = []
    const lanes = new Map<string, Set<TraceLane["roles"][number]>>()
    const bodies: Array<Omit<RecordedResponse, "response">> = []
    const meet: Recording["meet"] = (origin, role) => {
      const roles = lanes.get(origin) ?? new Set()
      if (role !== undefined) roles.add(role)
      lanes.set(origin, roles)
    }
    meet(server.url.origin, "MCP server")
    const startedAt = yield* Clock.currentTimeMillis
    current = {
      redactor,
      add: (event) => void (events.length < maxEvents && events.push(event)),
      meet,
      onEnd: (body) => void bodies.push(body),
      sentAway: undefined
    }
    return yield* flow.pipe(
      Effect.onExit((exit) =>
        Effect.gen(function* () {
          current = undefined
          // A fiber of its own: this one may be interrupted already, and still has its record to keep.
          const reading = Effect.promise(() => Promise.all(bodies.map(({ idle }) => idle())))
          const waiting = yield* Effect.forkDetach(
            Effect.interruptible(Effect.timeoutOption(reading, shutdownTimeout))
          )
          yield* Fiber.await(waiting)
          yield* Effect.promise(() => Promise.all(bodies.map(({ stop }) => stop())))
          const endedAt = yield* Clock.currentTimeMillis
          const trace: Trace = {
            server: server.name,
            account: about.account,
            startedAt,
            endedAt,
            outcome: outcomeOf(exit, redactor.text),
            lanes: [...lanes].map(([origin, roles]) => ({ origin, roles: [...roles] })),
            events: events.map((event) => event())
          }
          yield* keep(redactor.settle(trace))
        })
      )
    )
  })

  return FlowTrace.of({ record, current: () => current })
})

/** Records every request that passes, and its answer, which goes on as it came. */
export const transport: Layer.Layer<HttpTransport, never, HttpTransport | FlowTrace> = Layer.effect(
  HttpTransport,
  Effect.gen(function* () {
    const inner = yield* HttpTransport
    const trace = yield* FlowTrace

    const recorded = Effect.fnUntraced(function* (
      { add, redactor, meet, onEnd }: Recording,
      request: Request,
      options: Parameters<typeof inner.send>[1]
    ) {
      const at = yield* Clock.currentTimeMillis
      const url = new URL(request.url)
      const form = formOf(request.headers)
      // What cannot be read here cannot be sent either, and the sending tells why.
      const text =
        form === undefined
          ? undefined
          : yield* Effect.promise(() =>
              request
                .clone()
                .text()
                .catch(() => "")
            )
      const sent = form === undefined || text === undefined ? undefined : { form, text }
      const kind = redactor.kindOf(url, sent)
      meet(url.origin, kindsOfAuthority.has(kind) ? "authorization server" : undefined)
      const before = {
        _tag: "Exchange" as const,
        at,
        kind,
        method: request.method,
        url: redactor.url(kind, url),
        request: {
          headers: redactor.headers(kind, request.headers, url),
          body: sent === undefined ? notKept(request) : redactor.body(kind, "request", sent.form, sent.text)
        }
      }
      let answer: ShownAnswer = { _tag: "Pending" }
      add(() => ({ ...before, answer }))
      const response = yield* inner.send(request, options).pipe(
        Effect.tapError((error) =>
          Effect.map(Clock.currentTimeMillis, (now) => {
            answer = { _tag: "NoAnswer", detail: redactor.text(error.detail), took: now - at }
          })
        )
      )
      const took = (yield* Clock.currentTimeMillis) - at
      const { headers, status } = response
      const head = {
        _tag: "Answered" as const,
        status,
        took,
        headers: redactor.headers(kind, headers, url)
      }
      const answerForm = formOf(headers)
      if (answerForm === undefined || response.body === null) {
        answer = { ...head, body: notKept(response) }
        return response
      }
      answer = { ...head, body: { _tag: "NotKept", why: "it had not ended when the flow did" } }
      const watched = recordBody(response, ({ end, text: body }) => {
        answer = {
          ...head,
          body:
            end === "whole"
              ? redactor.body(kind, "answer", answerForm, body)
              : { _tag: "NotKept", why: end === "too long" ? "it is over 64 KiB" : "it broke off" }
        }
      })
      onEnd(watched)
      return watched.response
    })

    return HttpTransport.of({
      send: (request, options) =>
        Effect.suspend(() => {
          const recording = trace.current()
          return recording === undefined
            ? inner.send(request, options)
            : recorded(recording, request, options)
        })
    })
  })
)

const verdictOf = (answer: AuthorizationResponse): string => {
  switch (answer._tag) {
    case "Foreign":
      return "Refused with 400: it does not carry the state of this flow, which goes on waiting."
    case "Granted":
      return "A code, with the state that was sent: it is exchanged for tokens next."
    case "Denied":
      return `The authorization server refuses: ${answer.description ?? answer.error}`
    case "Rejected":
      return `The state that was sent, but not to be trusted: ${answer.detail}.`
  }
}

/** Records what the user and their browser are given, and what they come back with. */
export const user: Layer.Layer<
  UserInteraction | Browser | CallbackListener,
  never,
  UserInteraction | Browser | CallbackListener | FlowTrace
> = Layer.effectContext(
  Effect.gen(function* () {
    const innerPerson = yield* UserInteraction
    const innerBrowser = yield* Browser
    const innerListener = yield* CallbackListener
    const trace = yield* FlowTrace
    const clock = yield* Clock.Clock

    /** Adds what happens now, where a flow is recorded. */
    const happens = (event: (recording: Recording, at: number) => TraceEvent) =>
      Effect.sync(() => happened(event))
    const happened = (event: (recording: Recording, at: number) => TraceEvent): void => {
      const recording = trace.current()
      if (recording === undefined) return
      const shown = event(recording, clock.currentTimeMillisUnsafe())
      recording.add(() => shown)
    }

    const cameBack = (url: URL, pasted: boolean, verdict: string) =>
      happened(({ redactor, sentAway }, at) => ({
        _tag: "CameBack",
        at,
        ...(sentAway === undefined ? {} : { took: at - sentAway }),
        pasted,
        url: redactor.url("authorization response", url),
        verdict: redactor.text(verdict)
      }))

    const recordedPerson = UserInteraction.of({
      ...innerPerson,
      askToSignIn: Effect.fn("FlowTrace.askToSignIn")(function* (server, url) {
        yield* happens((recording, at) => {
          recording.sentAway = at
          recording.meet(url.origin, "authorization server")
          return { _tag: "SentAway", at, url: recording.redactor.url("authorization request", url) }
        })
        yield* innerPerson.askToSignIn(server, url)
      }),
      askToUseDevice: Effect.fn("FlowTrace.askToUseDevice")(function* (server, device) {
        yield* happens(({ redactor }, at) => ({
          _tag: "DeviceCode",
          at,
          fields: redactor.fields(publicInAnswer["device authorization request"], [
            ["verification_uri", device.verificationUri.href],
            ["user_code", device.userCode]
          ])
        }))
        yield* innerPerson.askToUseDevice(server, device)
      }),
      pastedRedirect: Effect.fn("FlowTrace.pastedRedirect")(function* (server) {
        const text = yield* innerPerson.pastedRedirect(server)
        const url = URL.parse(text.trim())
        if (url !== null) cameBack(url, true, "Where the browser ended, pasted at the terminal.")
        else {
          yield* happens(({ redactor }, at) => ({
            _tag: "Note",
            at,
            text: redactor.text("Something was pasted that is no address.")
          }))
        }
        return text
      })
    })

    const recordedBrowser = Browser.of({
      open: (url) =>
        innerBrowser
          .open(url)
          .pipe(
            Effect.tapError((error) =>
              happens(({ redactor }, at) => ({ _tag: "Note", at, text: redactor.text(error.message) }))
            )
          )
    })

    const recordedListener = CallbackListener.of({
      bind: Effect.fn("FlowTrace.bind")(function* (options) {
        const bound = yield* innerListener.bind(options)
        const { redirectUri } = bound
        yield* happens(({ redactor }, at) => {
          redactor.learn("authorization response", redirectUri)
          const text = `mcp-cli listens at ${redirectUri.origin}${redirectUri.pathname} for the browser to come back.`
          return { _tag: "Note", at, text: redactor.text(text) }
        })
        return {
          redirectUri,
          receive: (read) =>
            bound.receive((parameters) => {
              const answer = read(parameters)
              const url = new URL(redirectUri)
              url.search = parameters.toString()
              cameBack(url, false, verdictOf(answer))
              return answer
            })
        }
      })
    })

    return Context.make(UserInteraction, recordedPerson).pipe(
      Context.add(Browser, recordedBrowser),
      Context.add(CallbackListener, recordedListener)
    )
  })
)
