import { Context, type Duration, type Effect, type Scope } from "effect"
import type { DeviceCode } from "./DeviceAuthorization.ts"

/** The part of a device code that the user sees (RFC 8628 §3.3). */
export type DevicePrompt = Pick<
  DeviceCode,
  "expiresAt" | "userCode" | "verificationUri" | "verificationUriComplete"
>

/** Talks to the user during a sign-in. Everything goes to the screen (stderr), nothing to programs that read stdout. */
export class UserInteraction extends Context.Service<
  UserInteraction,
  {
    /** A user is present who can approve a sign-in. If not, no sign-in that needs one is started. */
    readonly present: boolean
    /** How long a sign-in waits for the user. */
    readonly timeout: Duration.Duration
    /** Announces a sign-in and shows its URL, which the browser is about to open. */
    readonly askToSignIn: (server: string, url: URL) => Effect.Effect<void>
    /**
     * Announces a sign-in and shows which code to enter where on another device (RFC 8628 §3.3). Shows the remaining time
     * until the scope closes.
     */
    readonly askToUseDevice: (server: string, device: DevicePrompt) => Effect.Effect<void, never, Scope.Scope>
    /**
     * Lets the user paste the redirect URL while the sign-in waits (over SSH), and shows the remaining time. Returns the
     * pasted text. Never returns if nothing can be pasted. The caller interrupts it when the callback arrives.
     */
    readonly pastedRedirect: (server: string) => Effect.Effect<string>
    /** Shows one line. */
    readonly tell: (message: string) => Effect.Effect<void>
  }
>()("mcp-cli-oauth/ports/UserInteraction") {}
