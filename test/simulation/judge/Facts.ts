import type { VirtualProcess } from "../engine/VirtualProcess.ts"

/** A token request, as the whole world sees it. */
export interface TokenRequest {
  readonly id: number
  readonly kind: "refresh" | "exchange"
  readonly process: VirtualProcess
  /** The storage name of the credential. */
  readonly account: string
  /** The refresh token or the code that it carries. */
  readonly token: string
  readonly at: number
  /** How long its process had been paused when it was sent. */
  readonly pausedBefore: number
  /** The sign-in that the token belongs to. Absent for a code that has not been exchanged. */
  family: string | undefined
  /** What the server made of it. Absent: it has not arrived (yet). */
  processed?: "rotated" | "refused" | "unavailable"
  /** The refresh token that the server issued for it. */
  issued?: string
  /** What the process learned. Absent: nothing so far. */
  outcome?: "answered" | "no answer"
  /** When its token may be sent again. Absent: there was an answer, or the request is under way. */
  resendAt?: number
}

/** A caller that waits for an access token. */
export interface Call {
  readonly id: number
  readonly process: VirtualProcess
  readonly account: string
  readonly at: number
  readonly pausedBefore: number
  /** The longest that it may take, in milliseconds without pauses. */
  readonly limit: number
  /** The sign-in that the store held when it began. */
  readonly familyBefore: string | undefined
  /** Everything works again: so must this. */
  readonly isAfterFaults: boolean
}

/** What a caller was left with. */
export type CallResult =
  | { readonly _tag: "Token"; readonly accessToken: string }
  | { readonly _tag: "Failed"; readonly error: string; readonly isTyped: boolean }
  | { readonly _tag: "Left" }

/** Something that happened. No process sees all of it. */
export type Fact =
  | { readonly _tag: "Sent"; readonly request: TokenRequest }
  | { readonly _tag: "Processed"; readonly request: TokenRequest }
  | { readonly _tag: "Ended"; readonly request: TokenRequest }
  | { readonly _tag: "Written"; readonly account: string; readonly token: string }
  | { readonly _tag: "WriteFailed"; readonly token: string | undefined }
  | { readonly _tag: "ReadFailed" }
  | { readonly _tag: "CallBegan"; readonly call: Call }
  | { readonly _tag: "CallEnded"; readonly call: Call; readonly result: CallResult }
  | { readonly _tag: "BrowserOpened"; readonly process: VirtualProcess; readonly account: string }
  | { readonly _tag: "TokenRefused"; readonly process: VirtualProcess; readonly accessToken: string }
  | { readonly _tag: "Crashed"; readonly process: VirtualProcess }
  /** Nothing runs any more. `stored` is the refresh token of each account in the store. */
  | { readonly _tag: "Finished"; readonly stored: ReadonlyMap<string, string | undefined> }
