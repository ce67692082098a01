import { Context, type Duration, type Effect, type Scope } from "effect"
import type { DeviceCode } from "./DeviceAuthorization.ts"

/** What a user needs of a device code (RFC 8628 §3.3). */
export type DevicePrompt = Pick<
  DeviceCode,
  "expiresAt" | "userCode" | "verificationUri" | "verificationUriComplete"
>

/**
 * The user that signs in: whether somebody is there, and what is said to them during a flow. All of it goes to
 * the screen (stderr), none of it to a program that reads our output.
 */
export class UserInteraction extends Context.Service<
  UserInteraction,
  {
    /** Somebody is there to approve in a browser; else a flow is not started. */
    readonly present: boolean
    /** How long a flow waits for them. */
    readonly timeout: Duration.Duration
    /** Says that a sign-in starts, and shows its address: the browser is about to open there. */
    readonly askToSignIn: (server: string, url: URL) => Effect.Effect<void>
    /**
     * Says that a sign-in starts, and shows where to enter which code on another device (RFC 8628 §3.3); until the
     * scope closes, also the time that is left.
     */
    readonly askToUseDevice: (server: string, device: DevicePrompt) => Effect.Effect<void, never, Scope.Scope>
    /**
     * Lets them paste the redirected URL while the flow waits (for work over SSH), and shows the time that is left.
     * Gives what they paste; never ends where nothing can be pasted. Interrupted when the browser answers.
     */
    readonly pastedRedirect: (server: string) => Effect.Effect<string>
    /** Says one line that they should read. */
    readonly tell: (message: string) => Effect.Effect<void>
  }
>()("mcp-cli-oauth/ports/UserInteraction") {}
