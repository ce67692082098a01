import type { Opening } from "../../../src/domain/BrowserElection.ts"
import type { Machine } from "../engine/Machine.ts"
import type { VirtualProcess } from "../engine/VirtualProcess.ts"

/** A process has made sure that its lock excludes others. */
export interface Confirmation {
  readonly at: number
  /** How long the process had been paused by then. */
  readonly pausedFor: number
}

/** A token request, as the whole world sees it. */
export interface TokenRequest {
  readonly id: number
  readonly kind: "refresh" | "exchange"
  readonly process: VirtualProcess
  /** A program that ignores the lock sends it. */
  readonly isForeign: boolean
  /** The storage name of the credential. */
  readonly account: string
  /** Origin of the endpoint that it is sent to. */
  readonly recipient: string
  /** The refresh token or the code that it carries. */
  readonly token: string
  readonly at: number
  /** How long its process had been paused when it was sent. */
  readonly pausedBefore: number
  /** When its process last read the record from the store. Absent: not seen. */
  readAt?: number | undefined
  /** When its process last confirmed its refresh lock. Absent: never. */
  confirmed?: Confirmation | undefined
  /** The sign-in that the token belongs to. Absent for a code that has not been exchanged. */
  family: string | undefined
  /** What the server made of it. Absent: it has not arrived (yet). */
  processed?: "rotated" | "refused" | "unavailable"
  /** It never arrives. */
  isLost?: boolean
  /** The refresh token that the server issued for it, and the access token. */
  issued?: string
  accessToken?: string
  /** What the process learned. Absent: nothing so far. */
  outcome?: "answered" | "timeout" | "broke" | "not sent"
  /** When the process learned it. */
  endedAt?: number
  /** The server was down, or refused it for a reason that is not the token. */
  isRepeatable?: boolean
}

/** A caller that waits for an access token. */
export interface Call {
  readonly id: number
  readonly process: VirtualProcess
  readonly account: string
  /** The resource that the token is for. */
  readonly resource: string
  readonly at: number
  readonly pausedBefore: number
  /** The longest that it may take, in milliseconds without pauses. */
  readonly limit: number
  /** The sign-in that the store held when it began. Absent: none, or the user has asked for another. */
  readonly familyBefore: string | undefined
  /** Everything works again: so must this. */
  readonly isAfterFaults: boolean
  /** A client sends it to its proxy, and this is the method. */
  readonly method?: "initialize" | "tools/call"
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
  /** A copy of a request has arrived, which nothing but the network made. */
  | { readonly _tag: "Copied"; readonly request: TokenRequest }
  | { readonly _tag: "Ended"; readonly request: TokenRequest }
  | { readonly _tag: "Read"; readonly account: string; readonly process: VirtualProcess }
  /** A replica has shown a process a record that is no longer the newest. */
  | { readonly _tag: "StaleRead"; readonly account: string; readonly process: VirtualProcess }
  /** A process has made sure that its refresh lock still excludes others. */
  | { readonly _tag: "Confirmed"; readonly account: string; readonly process: VirtualProcess }
  /** `by`: absent for what was stored before the run, and for a program that ignores the lock. */
  | {
      readonly _tag: "Written"
      readonly account: string
      readonly token: string
      readonly by?: VirtualProcess | undefined
    }
  /** `isFull`: there was no space for it. */
  | {
      readonly _tag: "WriteFailed"
      readonly process: VirtualProcess
      readonly token: string | undefined
      readonly isFull?: boolean
    }
  | { readonly _tag: "ReadFailed"; readonly process: VirtualProcess }
  /** An answer of the store about an account has reached a process. */
  | { readonly _tag: "Answered"; readonly account: string; readonly process: VirtualProcess }
  /** The store holds no sign-in of an account any more. */
  | { readonly _tag: "Removed"; readonly account: string }
  /** A write has replaced what its writer had not read. `token` is in the store again, although there was a newer one, or none. */
  | {
      readonly _tag: "Overwritten"
      readonly account: string
      readonly token?: string | undefined
      readonly by: "foreign program" | "late write" | "lock removed" | "versions restarted"
    }
  | { readonly _tag: "CallBegan"; readonly call: Call }
  | { readonly _tag: "CallEnded"; readonly call: Call; readonly result: CallResult }
  | {
      readonly _tag: "SteppedUp"
      readonly process: VirtualProcess
      readonly accessToken: string
      readonly scope: string
    }
  /** `isRequested`: the user has asked for a sign-in, or the MCP server for another scope. */
  | {
      readonly _tag: "BrowserOpened"
      readonly process: VirtualProcess
      readonly account: string
      readonly isRequested: boolean
    }
  /** The sign-in that a browser was opened for is over. */
  | { readonly _tag: "BrowserClosed"; readonly process: VirtualProcess; readonly account: string }
  /** The user has approved, and the browser brings this code back. */
  | {
      readonly _tag: "Approved"
      readonly process: VirtualProcess
      readonly account: string
      readonly code: string
    }
  | { readonly _tag: "SignOutBegan"; readonly account: string; readonly process: VirtualProcess }
  | {
      readonly _tag: "SignOutEnded"
      readonly account: string
      readonly process: VirtualProcess
      readonly isDone: boolean
    }
  /** The authorization server has ended a sign-in at the request of a client. */
  | {
      readonly _tag: "Revoked"
      readonly account: string
      readonly family: string
      readonly recipient: string
    }
  | { readonly _tag: "ClientForgotten"; readonly families: ReadonlyArray<string> }
  | { readonly _tag: "TokenRefused"; readonly process: VirtualProcess; readonly accessToken: string }
  /** A lock of an account was removed while a process held it. */
  | { readonly _tag: "LockLost"; readonly process: VirtualProcess; readonly account: string }
  | { readonly _tag: "ClockJumped"; readonly machine: Machine; readonly by: number }
  | { readonly _tag: "Paused"; readonly process: VirtualProcess; readonly until: number }
  | { readonly _tag: "Crashed"; readonly process: VirtualProcess }
  /** An MCP client has started a proxy for a server. */
  | {
      readonly _tag: "ProxyStarted"
      readonly process: VirtualProcess
      readonly account: string
      /** The name of the server in its configuration. */
      readonly server: string
      readonly mayOpenBrowser: boolean
    }
  /** Its client has closed its input. */
  | { readonly _tag: "ProxyStopped"; readonly process: VirtualProcess }
  /** It has ended in order. */
  | { readonly _tag: "ProxyEnded"; readonly process: VirtualProcess }
  /** The user has refused in the browser. */
  | { readonly _tag: "Refused"; readonly process: VirtualProcess; readonly account: string }
  /** A process has read, replaced or failed to access the openings for a sign-in. */
  | { readonly _tag: "OpeningsRead"; readonly process: VirtualProcess; readonly account: string }
  | {
      readonly _tag: "OpeningsReplaced"
      readonly process: VirtualProcess
      readonly account: string
      readonly openings: ReadonlyArray<Opening>
      /** It is the first one after a read, and the last opening is its own. */
      readonly isElection: boolean
    }
  | { readonly _tag: "OpeningsFailed"; readonly process: VirtualProcess; readonly account: string }
  /** A process has registered a client. */
  | { readonly _tag: "Registered"; readonly process: VirtualProcess }
  /** Nothing runs any more. `stored` is the refresh token of each account in the store. */
  | { readonly _tag: "Finished"; readonly stored: ReadonlyMap<string, string | undefined> }
