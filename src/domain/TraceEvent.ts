/**
 * A piece of a text that is shown: in the open, or struck out. What is struck out is not there any more: its mark is a
 * number given in order of appearance, made of nothing of the value, and the same wherever the same value comes again.
 */
export type Piece =
  | { readonly _tag: "Open"; readonly text: string }
  | {
      readonly _tag: "Struck"
      readonly mark: number
      /** How many characters it has, roughly: `32 to 63`. */
      readonly length: string
    }

/** A text with some pieces struck out. */
export type ShownText = ReadonlyArray<Piece>

/** A header, a parameter or a field of JSON. */
export interface Field {
  readonly name: string
  readonly value: ShownText
}

/** Where a request went, without its query. */
export interface ShownUrl {
  readonly origin: string
  readonly path: ShownText
  readonly query: ReadonlyArray<Field>
}

/** What a message is for. Which of its names are public depends on this. */
export type MessageKind =
  | "MCP request"
  | "resource metadata"
  | "authorization server metadata"
  | "client registration"
  | "authorization request"
  | "authorization response"
  | "device authorization request"
  | "token request"
  | "revocation request"
  | "other request"

/** The body of a message. */
export type ShownBody =
  | { readonly _tag: "None" }
  | { readonly _tag: "Fields"; readonly form: "JSON" | "form"; readonly fields: ReadonlyArray<Field> }
  /** There is one, and nothing of it is kept. */
  | { readonly _tag: "NotKept"; readonly why: string }

/** Headers and body of a request or an answer. */
export interface ShownMessage {
  readonly headers: ReadonlyArray<Field>
  readonly body: ShownBody
}

/** What came of a request. */
export type ShownAnswer =
  | ({ readonly _tag: "Answered"; readonly status: number; readonly took: number } & ShownMessage)
  | { readonly _tag: "NoAnswer"; readonly detail: ShownText; readonly took: number }
  /** The flow ended before the answer came. */
  | { readonly _tag: "Pending" }

/** One step of a flow, with its secrets already gone. `at` and `took` are in milliseconds, `at` since the epoch. */
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
  /** The browser is sent to the authorization server; what the two then say to each other is not seen. */
  | { readonly _tag: "SentAway"; readonly at: number; readonly url: ShownUrl }
  /** A code is shown, to be entered on another device (RFC 8628 §3.3). */
  | { readonly _tag: "DeviceCode"; readonly at: number; readonly fields: ReadonlyArray<Field> }
  /** The browser came back, or the address where it ended was pasted. */
  | {
      readonly _tag: "CameBack"
      readonly at: number
      /** Absent where the browser had not been sent away before. */
      readonly took?: number
      readonly pasted: boolean
      readonly url: ShownUrl
      /** What it means for the flow. */
      readonly verdict: ShownText
    }
  | { readonly _tag: "Note"; readonly at: number; readonly text: ShownText }

/** How a flow ended. */
export interface TraceOutcome {
  readonly _tag: "SignedIn" | "Failed" | "Interrupted"
  readonly message: ShownText
}

/** Somebody that was spoken to. */
export interface TraceLane {
  readonly origin: string
  readonly roles: ReadonlyArray<"MCP server" | "authorization server">
}

/** The record of one flow. */
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
