import { escapeHtml } from "../../domain/HtmlText.ts"

/** The page that the browser shows after the callback. */
export interface CallbackPage {
  readonly status: 200 | 400 | 403 | 404 | 405 | 410
  readonly title: string
  readonly text: string
}

const style = `:root{color-scheme:light dark}body{margin:0;min-height:100vh;display:grid;place-items:center;font:16px/1.5 system-ui,sans-serif;background:Canvas;color:CanvasText}main{max-width:32rem;padding:2rem;text-align:center}h1{font-size:1.5rem;margin:0 0 .5rem}p{margin:0;opacity:.75}`

/**
 * Renders the page: static, without scripts or external resources, every text escaped. The code stays in the browser's
 * history, where it is of no use: it works once, and mcp-cli has used it by then.
 */
export const render = ({ text, title }: CallbackPage): string =>
  `<!doctype html><html lang="en"><head><meta charset="utf-8"><meta name="viewport" content="width=device-width"><title>${escapeHtml(title)} · mcp-cli</title><style>${style}</style></head><body><main><h1>${escapeHtml(title)}</h1><p>${escapeHtml(text)}</p></main></body></html>`

/** The name of the listener in its answers. */
export const signInServer = "mcp-cli sign-in"

/** The headers of the page: no caching, no referrer, nothing may be loaded. */
export const headers: Readonly<Record<string, string>> = {
  "content-type": "text/html; charset=utf-8",
  "content-security-policy":
    "default-src 'none'; style-src 'unsafe-inline'; frame-ancestors 'none'; base-uri 'none'",
  "cache-control": "no-store",
  "referrer-policy": "no-referrer",
  "x-content-type-options": "nosniff",
  connection: "close",
  // Another sign-in that needs the port knows by it that this one will end.
  server: signInServer
}
