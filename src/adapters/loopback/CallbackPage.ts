/** What the page says that the browser ends at. */
export interface CallbackPage {
  readonly status: 200 | 400 | 404 | 405
  readonly title: string
  readonly text: string
}

const entities: Record<string, string> = {
  "&": "&amp;",
  "<": "&lt;",
  ">": "&gt;",
  '"': "&quot;",
  "'": "&#39;"
}
const escape = (text: string): string => text.replace(/[&<>"']/g, (character) => entities[character] ?? "")

const style = `:root{color-scheme:light dark}body{margin:0;min-height:100vh;display:grid;place-items:center;font:16px/1.5 system-ui,sans-serif;background:Canvas;color:CanvasText}main{max-width:32rem;padding:2rem;text-align:center}h1{font-size:1.5rem;margin:0 0 .5rem}p{margin:0;opacity:.75}`

/**
 * The page as HTML: static, without scripts or anything from elsewhere, every text escaped. Nothing takes the code out of
 * the browser's history, which would need a script or a listener that stays: it works once, and is used by then.
 */
export const render = ({ text, title }: CallbackPage): string =>
  `<!doctype html><html lang="en"><head><meta charset="utf-8"><meta name="viewport" content="width=device-width"><title>${escape(title)} · mcp-cli</title><style>${style}</style></head><body><main><h1>${escape(title)}</h1><p>${escape(text)}</p></main></body></html>`

/** The headers of the page: it is shown once, is kept nowhere, sends no referrer and may load nothing. */
export const headers: Readonly<Record<string, string>> = {
  "content-type": "text/html; charset=utf-8",
  "content-security-policy":
    "default-src 'none'; style-src 'unsafe-inline'; frame-ancestors 'none'; base-uri 'none'",
  "cache-control": "no-store",
  "referrer-policy": "no-referrer",
  "x-content-type-options": "nosniff",
  connection: "close"
}
