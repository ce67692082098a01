import { assert, describe, it } from "@effect/vitest"
import { Redacted, Schema } from "effect"
import { pastedAddress, readPastedRedirect, readPastedRest } from "../../src/domain/PastedRedirect.ts"

const redirectUri = new URL("http://localhost:8080/callback")
const signInUrl = new URL("https://as.test/authorize?client_id=me&state=s")
const ended = "http://localhost:8080/callback?code=c0de&state=s-_1&iss=https%3A%2F%2Fas.test"
const awaited = {
  redirectUri,
  signInUrl,
  expected: {
    secrets: { state: Redacted.make("s-_1") },
    issuer: "https://as.test",
    issuerRequired: true
  }
}
const read = (text: string) => readPastedRedirect(text, awaited)

/** The parameters of an address that is complete. */
const parametersOf = (found: ReturnType<typeof read>) =>
  found._tag === "Parameters" ? [...found.parameters] : found

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
    ["a word as long as a start", "http-server", "not an address"],
    ["a page of the browser", "chrome-error://chromewebdata/", "has not ended"],
    ["the sign-in page", signInUrl.href, "Approve the sign-in there first"],
    ["a consent page with the same state", "https://as.test/consent?challenge=x&state=s-_1", "has not ended"],
    ["a login page with a code of its own", "https://as.test/login?code=1&state=s-_1", "has not ended"],
    ["an error page of the server", "https://as.test/oops?error=invalid_client&state=s-_1", "has not ended"]
  ])("is not: %s", (_, text, problem) => {
    const found = read(text)
    assert.include(found._tag === "Other" ? found.problem : "", problem)
  })

  const starts = Array.from({ length: ended.length - 4 }, (_, at) => ended.slice(0, at + 4))

  it("is the start of the end, wherever it is cut, and its rest may follow", () => {
    for (const start of starts) {
      assert.deepEqual(read(start), { _tag: "Start", text: start })
      assert.deepEqual(read(`"${start}`)._tag, "Start")
      assert.deepEqual(parametersOf(readPastedRest(start, ended.slice(start.length), awaited)), [
        ...new URL(ended).searchParams
      ])
    }
  })

  it("is the start of the end without an issuer too, up to the end of the state", () => {
    const short = ended.slice(0, ended.indexOf("&iss"))
    const without = { ...awaited, expected: { ...awaited.expected, issuerRequired: false } }
    for (const start of starts.filter(({ length }) => length < short.length))
      assert.strictEqual(readPastedRedirect(start, without)._tag, "Start", start)
    assert.strictEqual(readPastedRedirect(short, without)._tag, "Parameters")
  })

  it.each([
    ["the whole address after a start", [ended.slice(0, 40), ended]],
    ["two starts and the whole address", [ended.slice(0, 40), ended.slice(0, 50), ended]],
    ["the same start twice, and its rest", [ended.slice(0, 60), ended.slice(0, 60), ended.slice(60)]],
    ["three parts", [ended.slice(0, 30), ended.slice(30, 55), ended.slice(55)]],
    ["parts that are cut between parameters", ended.split(/(?=[?&])/)],
    [
      "a forwarded name, cut in the code",
      ["https://x-8080.app.test/callback?code=c", "0de&state=s-_1&iss=https://as.test"]
    ]
  ])("is put together from %s", (_, parts) => {
    let start = ""
    const found = parts.map((part) => {
      const next = readPastedRest(start, part, awaited)
      start = next._tag === "Start" ? next.text : ""
      return next
    })
    assert.deepEqual(
      found.map(({ _tag }) => _tag),
      [...parts.slice(1).map(() => "Start" as const), "Parameters"]
    )
    assert.deepEqual(parametersOf(found.at(-1)!), [...new URL(ended).searchParams])
  })

  it("is of another sign-in, or from another issuer, and no start", () => {
    assert.strictEqual(read(ended.replace("s-_1", "x"))._tag, "Parameters")
    assert.strictEqual(read(ended.replace("as.test", "other.test"))._tag, "Parameters")
    assert.strictEqual(read(`${ended}%2F`)._tag, "Parameters")
  })

  it.prop("is read to an end, whatever it is", [Schema.String], ([text]) => {
    assert.doesNotThrow(() => read(text))
    assert.doesNotThrow(() => pastedAddress(text))
  })
})
