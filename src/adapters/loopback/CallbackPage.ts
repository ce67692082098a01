import { createHash } from "node:crypto"
import { escapeHtml } from "../../domain/HtmlText.ts"

/** The page that the browser shows after the callback. */
export interface CallbackPage {
  readonly status: 200 | 400 | 403 | 404 | 405 | 410
  /** What the picture shows: signed in, not signed in, or nothing has happened. */
  readonly state: "done" | "failed" | "notice"
  readonly title: string
  readonly text: string
  /** What to do next. */
  readonly next: string
}

const style = `:root{color-scheme:light dark;--back:#f3f4f6;--card:#fff;--line:#d9dce1;--text:#1b1e23;--soft:#5b616b;--done:#0b7a53;--failed:#c02a30;--notice:#8a5a00}
@media (prefers-color-scheme:dark){:root{--back:#101113;--card:#191b1f;--line:#33373e;--text:#eceef1;--soft:#abb1bb;--done:#46d39a;--failed:#ff8f8c;--notice:#f0bb4a}}
*{box-sizing:border-box}
body{margin:0;min-height:100vh;padding:1rem;display:grid;place-items:center;font:16px/1.5 system-ui,sans-serif;background:var(--back);color:var(--text);overflow-wrap:anywhere}
main{width:100%;max-width:30rem;padding:1.5rem 2rem 2rem;background:var(--card);border:1px solid var(--line);border-radius:12px}
header{display:flex;align-items:center;gap:.5rem;margin-bottom:1.5rem;font-weight:600;color:var(--soft)}
svg{flex:none;fill:none;stroke:currentColor;stroke-width:2;stroke-linecap:round;stroke-linejoin:round}
h1{display:flex;gap:.75rem;margin:0 0 .75rem;font-size:1.375rem;line-height:1.3}
.done h1 svg{color:var(--done)}.failed h1 svg{color:var(--failed)}.notice h1 svg{color:var(--notice)}
p{margin:0 0 .75rem}
footer{margin-top:1.5rem;padding-top:1rem;border-top:1px solid var(--line);font-size:.875rem;color:var(--soft)}`

const picture = (size: number, paths: string): string =>
  `<svg width="${size}" height="${size}" viewBox="0 0 24 24" aria-hidden="true">${paths}</svg>`

/** A terminal: the sign of the program. */
const terminal = `<rect x="2" y="4" width="20" height="16" rx="3"/><path d="m6.5 9 3 3-3 3m6 0H17"/>`

const pictures: Readonly<Record<CallbackPage["state"], string>> = {
  done: `<circle cx="12" cy="12" r="10"/><path d="m7.5 12.5 3 3 6-7"/>`,
  failed: `<circle cx="12" cy="12" r="10"/><path d="m8.5 8.5 7 7m0-7-7 7"/>`,
  notice: `<circle cx="12" cy="12" r="10"/><path d="M12 7v6m0 3.5v.1"/>`
}

/** The picture of the browser's tab. It has no style sheet, so it has a colour that both themes can show. */
const tabPicture = encodeURIComponent(
  `<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 24 24" fill="none" stroke="#2f8f6b" stroke-width="2">${terminal}</svg>`
)

/**
 * Renders the page: static, without scripts or external resources, every text escaped. The code stays in the browser's
 * history, where it is of no use: it works once, and mcp-cli has used it by then.
 */
export const render = ({ next, state, text, title }: CallbackPage): string =>
  `<!doctype html><html lang="en"><head><meta charset="utf-8"><meta name="viewport" content="width=device-width,initial-scale=1"><title>${escapeHtml(title)} · mcp-cli</title><link rel="icon" href="data:image/svg+xml,${tabPicture}"><style>${style}</style></head><body><main class="${state}"><header>${picture(24, terminal)}mcp-cli</header><h1>${picture(28, pictures[state])}<span>${escapeHtml(title)}</span></h1><p>${escapeHtml(text)}</p><p><strong>${escapeHtml(next)}</strong></p><footer>This page comes from mcp-cli on this machine.</footer></main></body></html>`

/** The name of the listener in its answers. */
export const signInServer = "mcp-cli sign-in"

/** The headers of the page: no caching, no referrer, nothing may be loaded but its own style and picture. */
export const headers = (): Readonly<Record<string, string>> => ({
  "content-type": "text/html; charset=utf-8",
  "content-security-policy": `default-src 'none'; style-src 'sha256-${createHash("sha256").update(style).digest("base64")}'; img-src data:; form-action 'none'; frame-ancestors 'none'; base-uri 'none'`,
  "cache-control": "no-store",
  "referrer-policy": "no-referrer",
  "x-content-type-options": "nosniff",
  connection: "close",
  // Another sign-in that needs the port knows by it that this one will end.
  server: signInServer
})
