import { Context, type Effect } from "effect"

/** Milliseconds after which a user wonders what the program waits for. */
export const noticeAfter = 3000

/**
 * Tells the user what the program waits for: a name such as that of a server or an origin. Absent, as by default: no user
 * watches.
 */
export const WaitNotice = Context.Reference<((name: string) => Effect.Effect<void>) | undefined>(
  "mcp-cli-oauth/ports/WaitNotice",
  { defaultValue: () => undefined }
)
