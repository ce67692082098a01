import { Context, type Effect, Schema } from "effect"

/** No browser could be started. The URL is shown in any case. */
export class BrowserError extends Schema.TaggedError<BrowserError>()("BrowserError", {
  detail: Schema.String
}) {
  override get message(): string {
    return `No browser could be opened: ${this.detail}. Open the URL above yourself.`
  }
}

/** Opens the user's browser. */
export class Browser extends Context.Service<
  Browser,
  {
    /**
     * Opens an `https:` URL, or an `http:` one on loopback. Never uses a shell. Returns once the browser has started.
     *
     * @param named what a program that the user names (`$BROWSER`) gets instead: it may choose by the host, or open the URL
     *   on another machine
     * @param onFailure runs if the program ends with an error later. Absent: the log has it.
     */
    readonly open: (
      url: URL,
      named?: URL,
      onFailure?: (error: BrowserError) => Effect.Effect<void>
    ) => Effect.Effect<void, BrowserError>
  }
>()("mcp-cli-oauth/ports/Browser") {}
