import { assert, describe, it } from "@effect/vitest"
import { render } from "../../../src/adapters/trace/TracePage.ts"
import type { Piece, ShownText, Trace, TraceEvent } from "../../../src/domain/TraceEvent.ts"

const open = (text: string): ShownText => [{ _tag: "Open", text }]
const struck = (mark: number): Piece => ({ _tag: "Struck", mark, length: "32 to 63" })
const hostile = `<script>alert(1)</script><img src=x onerror="a">' \u202e\u0007`

const exchange = (text: string): TraceEvent => ({
  _tag: "Exchange",
  at: 100,
  kind: "token request",
  method: "POST",
  url: { origin: "https://as.test", path: open("/token"), query: [{ name: text, value: open(text) }] },
  request: {
    headers: [{ name: text, value: open(text) }],
    body: { _tag: "Fields", form: "form", fields: [{ name: "code", value: [struck(1)] }] }
  },
  answer: {
    _tag: "Answered",
    status: 400,
    took: 34,
    headers: [{ name: "server", value: open(text) }],
    body: { _tag: "Fields", form: "JSON", fields: [{ name: "error_description", value: open(text) }] }
  }
})

const traceOf = (events: ReadonlyArray<TraceEvent>, text = "why it failed"): Trace => ({
  server: text,
  account: undefined,
  startedAt: 0,
  endedAt: 1500,
  outcome: { _tag: "Failed", message: open(text) },
  lanes: [
    { origin: "https://mcp.test", roles: ["MCP server"] },
    { origin: "https://as.test", roles: ["authorization server"] }
  ],
  events
})

const everyEvent = (text: string): ReadonlyArray<TraceEvent> => [
  exchange(text),
  { ...exchange(text), answer: { _tag: "NoAnswer", detail: open(text), took: 3 } } as TraceEvent,
  { ...exchange(text), answer: { _tag: "Pending" } } as TraceEvent,
  {
    _tag: "BrowserOpened",
    at: 1,
    url: { origin: text, path: open(text), query: [{ name: text, value: open(text) }] }
  },
  {
    _tag: "BrowserReturned",
    at: 1,
    pasted: false,
    url: { origin: text, path: open(text), query: [{ name: "error", value: open(text) }] },
    verdict: open(text)
  },
  { _tag: "DeviceCode", at: 1, fields: [{ name: text, value: open(text) }] },
  { _tag: "Note", at: 1, text: open(text) }
]

describe("the page of a trace", () => {
  it("shows what servers say as text, wherever they say it", () => {
    const page = render(traceOf(everyEvent(hostile), hostile), "1.0.0")
    assert.include(page, "&lt;script&gt;alert(1)&lt;/script&gt;")
    for (const markup of ["<script", "<img", 'onerror="', "\u202e", "\u0007"]) assert.notInclude(page, markup)
  })

  it("loads nothing and runs nothing", () => {
    const page = render(traceOf(everyEvent("plain")), "1.0.0")
    assert.match(
      page,
      /<meta http-equiv="Content-Security-Policy" content="default-src 'none'; style-src 'unsafe-inline'; /
    )
    assert.notMatch(
      page,
      /<(script|link|img|iframe|object|base|form)\b|\bsrc=|url\(|@import|javascript:| on\w+=/i
    )
    for (const [, target] of page.matchAll(/href="([^"]*)"/g)) assert.match(target ?? "", /^#s\d+$/)
  })

  it("says what happened: outcome, program, date, method, path, status and time", () => {
    const page = render(traceOf([exchange("plain")]), "1.2.3")
    for (const text of [
      "The sign-in failed",
      "why it failed",
      "mcp-cli 1.2.3",
      "1970-01-01T00:00:00.000Z",
      "1.500 s"
    ])
      assert.include(page, text)
    assert.include(page, '<div class="arrow left bad"')
    for (const text of ["POST /token", ">400<", "34 ms", "0.100 s"]) assert.include(page, text)
  })

  it("opens what went wrong, and leaves the rest folded", () => {
    const good = exchange("x") as Extract<TraceEvent, { readonly _tag: "Exchange" }>
    const ok = { ...good, answer: { ...good.answer, status: 200 } } as TraceEvent
    const page = render(traceOf([ok, good]), "1")
    assert.include(page, '<details class="step" id="s1"><summary>')
    assert.include(page, '<details class="step" id="s2" open><summary>')
  })

  it("explains the 401 that starts a sign-in, and a browser that did not come back", () => {
    const challenged = exchange("plain")
    if (challenged._tag !== "Exchange" || challenged.answer._tag !== "Answered") return assert.fail()
    const first: TraceEvent = {
      ...challenged,
      kind: "MCP request",
      answer: { ...challenged.answer, status: 401 }
    }
    const opened = everyEvent("plain").filter(({ _tag }) => _tag === "BrowserOpened")
    const returned = everyEvent("plain").filter(({ _tag }) => _tag === "BrowserReturned")
    const lost = render(traceOf([first, ...opened]), "1.0.0")
    assert.match(lost, /401<\/span> <span class="kind">34 ms, sign in first</)
    assert.match(lost, /<details class="step" id="s2" open>[^]*The browser did not come back\./)
    const complete = render(traceOf([first, ...opened, ...returned, exchange("plain")]), "1.0.0")
    assert.notInclude(complete, "did not come back")
    assert.match(complete, /<details class="step" id="s2">/)
    const refused = { ...first, kind: "token request" } satisfies TraceEvent
    assert.notInclude(render(traceOf([refused]), "1.0.0"), "sign in first")
  })

  it("lists each struck-out value with every place that it stands at", () => {
    const page = render(traceOf([exchange("x"), exchange("y")]), "1")
    const [, row] = /<table class="marks">.*?<td>(?:(?!<\/td>).)*value 1.*?<td>(.*?)<\/td>/s.exec(page) ?? []
    assert.include(row, '<a href="#s1">step 1</a>, token request: code')
    assert.include(row, '<a href="#s2">step 2</a>, token request: code')
  })
})
