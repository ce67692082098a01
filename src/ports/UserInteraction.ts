import { Context, Duration, type Effect, type Scope } from "effect"
import type { Remedy } from "../domain/Remedy.ts"
import type { DeviceCode } from "./DeviceAuthorization.ts"

/** The part of a device code that a user needs (RFC 8628 §3.3). */
export type DevicePrompt = Pick<
  DeviceCode,
  "expiresAt" | "userCode" | "verificationUri" | "verificationUriComplete"
>

/** What a user needs to know of a sign-in whose browser is on another machine. */
export interface SignInReturn {
  /** Where the browser comes back to: an address of this machine. */
  readonly redirectUri: URL
  /** Signs in with a code instead. Absent: the authorization server does not offer that. */
  readonly byCode: Remedy | undefined
}

/** How long a sign-in waits for the user, unless the program or the user chooses another time: a second factor takes time. */
export const defaultUserTimeout = Duration.minutes(5)

/** Talks to the user who signs in. All of it goes to the screen (stderr), and none to a program that reads our output. */
export class UserInteraction extends Context.Service<
  UserInteraction,
  {
    /** True if a user can approve a sign-in. Otherwise no sign-in is started. */
    readonly present: boolean
    /** True in continuous integration, where no command signs in: errors then name other ways. Absent: false. */
    readonly unattended?: boolean
    /** How long a sign-in waits for the user. */
    readonly timeout: Duration.Duration
    /**
     * Waits until no other sign-in asks this user, and keeps the user until the scope closes: a terminal shows one question
     * at a time. Absent: several sign-ins may ask at once.
     */
    readonly attention?: Effect.Effect<void, never, Scope.Scope>
    /** Announces a sign-in and shows its URL, at which the browser is about to open. */
    readonly askToSignIn: (server: string, url: URL, back: SignInReturn) => Effect.Effect<void>
    /**
     * Announces a sign-in and shows the code to enter on another device (RFC 8628 §3.3). Shows the time left until the
     * scope closes.
     */
    readonly askToUseDevice: (server: string, device: DevicePrompt) => Effect.Effect<void, never, Scope.Scope>
    /**
     * Waits for the user to paste the redirected URL (for work over SSH), and shows the time left. Never completes if
     * nothing can be pasted. The caller interrupts it when the browser answers.
     */
    readonly pastedRedirect: (server: string) => Effect.Effect<string>
    /** Shows one line to the user, and what can be done about it. */
    readonly tell: (message: string, remedies?: ReadonlyArray<Remedy>) => Effect.Effect<void>
  }
>()("mcp-cli-oauth/ports/UserInteraction") {}
