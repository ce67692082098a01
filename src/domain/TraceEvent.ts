import type { EndpointTrace } from "./OAuthEndpoints.ts"

/**
 * A piece of a text: shown, or struck out. A struck-out value is no longer there. Its mark is a number in order of
 * appearance, not derived from the value, and the same wherever the value appears again.
 */
export type Piece =
  | { readonly _tag: "Open"; readonly text: string }
  | {
      readonly _tag: "Struck"
      readonly mark: number
      /** Its number of characters, roughly: `32 to 63`. */
      readonly length: string
    }

/** A text of which some pieces may be struck out. */
export type ShownText = ReadonlyArray<Piece>

/** A header, a parameter or a field of JSON. */
export interface Field {
  readonly name: string
  readonly value: ShownText
}

/** The URL of a request, its query apart. */
export interface ShownUrl {
  readonly origin: string
  readonly path: ShownText
  readonly query: ReadonlyArray<Field>
}

/** The purpose of a message. It decides which of its names are public. */
export type MessageKind =
  | "MCP request"
  | "resource metadata"
  | "authorization server metadata"
  | EndpointTrace
  | "authorization response"
  | "other request"

/** The body of a message. */
export type ShownBody =
  | { readonly _tag: "None" }
  | { readonly _tag: "Fields"; readonly form: "JSON" | "form"; readonly fields: ReadonlyArray<Field> }
  /** There is a body, and nothing of it is recorded. */
  | { readonly _tag: "Omitted"; readonly why: string }

/** Headers and body of a request or an answer. */
export interface ShownMessage {
  readonly headers: ReadonlyArray<Field>
  readonly body: ShownBody
}

/** The answer to a request, or why it is missing. */
export type ShownAnswer =
  | ({ readonly _tag: "Answered"; readonly status: number; readonly took: number } & ShownMessage)
  | { readonly _tag: "NoAnswer"; readonly detail: ShownText; readonly took: number }
  /** The flow ended before the answer came. */
  | { readonly _tag: "Pending" }

/** One step of a flow, its secrets struck out. `at` and `took` are in milliseconds, `at` since the epoch. */
export type TraceEvent =
  | {
      readonly _tag: "Exchange"
      readonly at: number
      readonly kind: MessageKind
      readonly method: string
      readonly url: ShownUrl
      readonly request: ShownMessage
      readonly answer: ShownAnswer
    }
  /** The browser is sent to the authorization server. What the two exchange is not seen. */
  | { readonly _tag: "BrowserOpened"; readonly at: number; readonly url: ShownUrl }
  /** A user code is shown, to be entered on another device (RFC 8628 §3.3). */
  | { readonly _tag: "DeviceCode"; readonly at: number; readonly fields: ReadonlyArray<Field> }
  /** The browser returned to the redirect URI, or the user pasted the URL that it ended at. */
  | {
      readonly _tag: "BrowserReturned"
      readonly at: number
      /** Absent if the browser was not opened before. */
      readonly took?: number
      readonly pasted: boolean
      readonly url: ShownUrl
      /** What the flow does with it. */
      readonly verdict: ShownText
    }
  | { readonly _tag: "Note"; readonly at: number; readonly text: ShownText }

/** How a flow ended. */
export interface TraceOutcome {
  readonly _tag: "SignedIn" | "Failed" | "Interrupted"
  readonly message: ShownText
}

/** A server that requests were sent to. */
export interface TraceLane {
  readonly origin: string
  readonly roles: ReadonlyArray<"MCP server" | "authorization server">
}

/** The trace of one flow. */
export interface Trace {
  readonly server: string
  readonly account: string | undefined
  /** Milliseconds since the epoch. */
  readonly startedAt: number
  /** Milliseconds since the epoch. */
  readonly endedAt: number
  readonly outcome: TraceOutcome
  readonly lanes: ReadonlyArray<TraceLane>
  readonly events: ReadonlyArray<TraceEvent>
}
