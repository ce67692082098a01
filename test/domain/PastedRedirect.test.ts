import { assert, describe, it } from "@effect/vitest"
import { Schema } from "effect"
import { pastedAddress, readPastedRedirect } from "../../src/domain/PastedRedirect.ts"

const redirectUri = new URL("http://localhost:8080/callback")
const signInUrl = new URL("https://as.test/authorize?client_id=me&state=s")
const ended = "http://localhost:8080/callback?code=c0de&state=s-_1&iss=https%3A%2F%2Fas.test"
const read = (text: string) => readPastedRedirect(text, { redirectUri, signInUrl })

describe("what a user pastes", () => {
  it.each([
    ["as the browser shows it", ended],
    ["with spaces around it", `  ${ended}\t`],
    ["in double quotes", `"${ended}"`],
    ["in single quotes", `'${ended}'`],
    ["in the quotes of a word processor", `“${ended}”`],
    ["in backticks", `\`${ended}\``],
    ["in angle brackets", `<${ended}>`],
    ["in parentheses", `(${ended})`],
    ["as a link of Markdown", `[${ended}](${ended})`],
    ["broken by a line break", `${ended.slice(0, 50)}\n${ended.slice(50)}`],
    [
      "broken into lines with an indent",
      `${ended.slice(0, 40)}\r\n   ${ended.slice(40, 60)}\n ${ended.slice(60)}`
    ],
    ["behind a word", `URL: ${ended}`],
    ["escaped for a shell", ended.replace(/[?&=]/g, "\\$&")],
    ["escaped for HTML", ended.replaceAll("&", "&amp;")],
    ["as a bracketed paste", `\u001b[200~${ended}\u001b[201~`],
    ["with invisible characters", `\u200b${ended}\ufeff`],
    ["without its scheme", ended.slice("http://".length)],
    ["by the number of the host", ended.replace("localhost", "127.0.0.1")],
    [
      "by the name of a forwarded port",
      ended.replace("http://localhost:8080", "https://x-8080.app.test/proxy")
    ],
    ["as the query alone", ended.slice(ended.indexOf("?"))],
    ["as the query without its question mark", ended.slice(ended.indexOf("?") + 1)]
  ])("is the end of the sign-in, %s", (_, text) => {
    const found = read(text)
    assert.strictEqual(found._tag, "Parameters")
    if (found._tag === "Parameters") {
      assert.deepEqual([...found.parameters], [...new URL(ended).searchParams])
    }
  })

  it.each([
    ["nothing", "", "not an address"],
    ["a word", "hello", "not an address"],
    ["the code alone", "c0de", "not an address"],
    ["a page of the browser", "chrome-error://chromewebdata/", "has not ended"],
    ["the sign-in page", signInUrl.href, "Approve the sign-in there first"],
    ["a consent page with the same state", "https://as.test/consent?challenge=x&state=s-_1", "has not ended"],
    ["a login page with a code of its own", "https://as.test/login?code=1&state=s-_1", "has not ended"],
    ["an error page of the server", "https://as.test/oops?error=invalid_client&state=s-_1", "has not ended"],
    ["the redirect address without a code", `${redirectUri.href}?state=s-_1`, "no code"],
    ["the bare redirect address", redirectUri.href, "no code"]
  ])("is not: %s", (_, text, problem) => {
    const found = read(text)
    assert.include(found._tag === "Other" ? found.problem : "", problem)
  })

  it.prop("is read to an end, whatever it is", [Schema.String], ([text]) => {
    assert.doesNotThrow(() => read(text))
    assert.doesNotThrow(() => pastedAddress(text))
  })
})
