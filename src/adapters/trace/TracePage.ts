import { DateTime } from "effect"
import { escapeHtml } from "../../domain/HtmlText.ts"
import { safeText } from "../../domain/PrintableText.ts"
import { accountName } from "../../domain/SignInError.ts"
import type {
  Field,
  ShownAnswer,
  ShownBody,
  ShownMessage,
  ShownText,
  ShownUrl,
  Trace,
  TraceEvent,
  TraceLane
} from "../../domain/TraceEvent.ts"
import { style } from "./TraceStyle.ts"

/** Escapes a text for HTML. Characters that are invisible, or change the direction of a line, become visible. */
const escape = (text: string): string => escapeHtml(safeText(text, "\ufffd"))

/** Neighbouring marks get distant colours. */
const hue = (mark: number): number => Math.round((mark * 137.5) % 360)

const struck = (mark: number, length: string): string =>
  `<span class="struck" style="--hue:${hue(mark)}">value ${mark} <small>${escape(length)} characters</small></span>`

const html = (text: ShownText): string => {
  const all = text
    .map((piece) => (piece._tag === "Open" ? escape(piece.text) : struck(piece.mark, piece.length)))
    .join("")
  return all === "" ? '<span class="empty">empty</span>' : all
}

/** A line of the diagram has no room for more than the number of a mark. */
const short = (text: ShownText): string =>
  text.map((piece) => (piece._tag === "Open" ? escape(piece.text) : `[value ${piece.mark}]`)).join("")

const table = (fields: ReadonlyArray<Field>): string =>
  fields.length === 0
    ? ""
    : `<table>${fields.map(({ name, value }) => `<tr><td>${escape(name.slice(0, 120))}</td><td>${html(value)}</td></tr>`).join("")}</table>`

const section = (title: string, content: string): string =>
  content === "" ? "" : `<h4>${title}</h4>${content}`

const body = (shown: ShownBody): string => {
  switch (shown._tag) {
    case "None":
      return ""
    case "Omitted":
      return section("Body", `<span class="empty">not shown: ${escape(shown.why)}</span>`)
    case "Fields":
      return section(
        shown.form === "JSON" ? "Body (JSON)" : "Body (form)",
        shown.fields.length === 0 ? html([]) : table(shown.fields)
      )
  }
}

const side = (title: string, content: string): string => `<div class="side"><h3>${title}</h3>${content}</div>`

const message = (shown: ShownMessage): string =>
  `${section("Headers", table(shown.headers))}${body(shown.body)}`

const address = ({ origin, path }: ShownUrl): string =>
  `<span class="mono">${escape(origin)}${html(path)}</span>`

const tone = (status: number, expected: boolean): string =>
  status < 300 ? "good" : expected ? "mild" : "bad"

/** An arrow between two lanes, by their numbers. */
const arrow = (from: number, to: number, classes: string, label: string): string => {
  const [left, right] = from < to ? [from, to] : [to, from]
  return `<div class="arrow ${from < to ? "right" : "left"} ${classes}" style="grid-column:${2 * left + 2}/${2 * right + 2}"><span class="label">${label}</span></div>`
}

const user = 0
const client = 1

const seconds = (milliseconds: number): string => `${(milliseconds / 1000).toFixed(3)} s`

const duration = (milliseconds: number): string =>
  milliseconds < 10_000 ? `${Math.round(milliseconds)} ms` : `${(milliseconds / 1000).toFixed(1)} s`

interface Step {
  readonly arrows: string
  readonly detail: string
  readonly isOpen: boolean
}

const answerArrow = (answer: ShownAnswer, lane: number, expected: boolean): string => {
  switch (answer._tag) {
    case "Answered": {
      // A reader of the page may take it for what went wrong.
      const meaning = expected && answer.status === 401 ? ", sign in first" : ""
      return arrow(
        lane,
        client,
        tone(answer.status, expected),
        `<span class="status">${answer.status}</span> <span class="kind">${duration(answer.took)}${meaning}</span>`
      )
    }
    case "NoAnswer":
      return arrow(
        lane,
        client,
        "bad seen-not",
        `<span class="status">no answer</span> <span class="kind">${duration(answer.took)}</span>`
      )
    case "Pending":
      return arrow(
        lane,
        client,
        "bad seen-not",
        `<span class="status">no answer before the end of the flow</span>`
      )
  }
}

const answerSide = (answer: ShownAnswer): string => {
  switch (answer._tag) {
    case "Answered":
      return side(`Answer ${answer.status} after ${duration(answer.took)}`, message(answer))
    case "NoAnswer":
      return side(`No answer after ${duration(answer.took)}`, `<p>${html(answer.detail)}</p>`)
    case "Pending":
      return side("No answer", "<p>The flow ended before the server answered.</p>")
  }
}

/** True for refusals that belong to a successful flow: the first 401, and a metadata document that is not there. */
const isExpected = ({ answer, kind }: Extract<TraceEvent, { readonly _tag: "Exchange" }>): boolean =>
  answer._tag === "Answered" &&
  (answer.status < 400 ||
    (kind === "MCP request" && answer.status === 401) ||
    (kind.endsWith("metadata") && answer.status === 404))

const neverBack =
  "<p>The browser did not come back. If it showed an error of the authorization server, compare client_id, redirect_uri and scope above with what is registered there.</p>"

/** @param isLast nothing happened after it, until the flow ended */
const stepOf = (event: TraceEvent, laneOf: (origin: string) => number, isLast: boolean): Step => {
  switch (event._tag) {
    case "Exchange": {
      const { answer, kind, method, request, url } = event
      const lane = laneOf(url.origin)
      const query = url.query.length === 0 ? "" : "?…"
      return {
        arrows:
          arrow(
            client,
            lane,
            "ask",
            `${escape(method)} ${short(url.path)}${query} <span class="kind">${escape(kind)}</span>`
          ) + answerArrow(answer, lane, isExpected(event)),
        detail:
          side(
            `Request: ${escape(kind)}`,
            `<p><span class="mono">${escape(method)}</span> ${address(url)}</p>${section("Query", table(url.query))}${message(request)}`
          ) + answerSide(answer),
        isOpen: !isExpected(event)
      }
    }
    case "BrowserOpened": {
      const lane = laneOf(event.url.origin)
      return {
        arrows:
          arrow(client, user, "ask", "open the browser") +
          arrow(
            user,
            lane,
            "ask seen-not",
            `GET ${short(event.url.path)}?… <span class="kind">authorization request</span>`
          ),
        detail: side(
          "The URL that the browser is sent to",
          `<p>${address(event.url)}</p>${section("Query", table(event.url.query))}<p class="hint">mcp-cli does not see what the browser and the authorization server exchange from here on.</p>${isLast ? neverBack : ""}`
        ),
        isOpen: isLast
      }
    }
    case "DeviceCode":
      return {
        arrows: arrow(client, user, "ask", "show a code for another device"),
        detail: side("Shown to the user", table(event.fields)),
        isOpen: false
      }
    case "BrowserReturned": {
      const waited =
        event.took === undefined ? "" : ` <span class="kind">after ${duration(event.took)}</span>`
      const isRefusal = event.url.query.some(({ name }) => name === "error")
      return {
        arrows: arrow(
          user,
          client,
          isRefusal ? "bad" : "good",
          `${event.pasted ? "pasted: " : "GET "}${short(event.url.path)}?…${waited}`
        ),
        detail: side(
          event.pasted ? "The URL that was pasted" : "What the browser returned with",
          `<p>${address(event.url)}</p>${section("Query", table(event.url.query))}<p>${html(event.verdict)}</p>`
        ),
        isOpen: isRefusal
      }
    }
    case "Note":
      return { arrows: `<div class="note">${html(event.text)}</div>`, detail: "", isOpen: false }
  }
}

/** Each struck-out value by its number, with the steps and the names where it appears. */
const occurrences = (events: ReadonlyArray<TraceEvent>) => {
  const found = new Map<number, { readonly length: string; readonly places: Set<string> }>()
  /** `place` is HTML. */
  const see = (text: ShownText, place: string) => {
    for (const piece of text) {
      if (piece._tag === "Open") continue
      const entry = found.get(piece.mark) ?? { length: piece.length, places: new Set() }
      entry.places.add(place)
      found.set(piece.mark, entry)
    }
  }
  const seeAll = (fields: ReadonlyArray<Field>, place: string) =>
    fields.forEach(({ name, value }) => see(value, `${place}: ${escape(name.slice(0, 120))}`))
  const seeBody = (shown: ShownBody, place: string) =>
    shown._tag === "Fields" ? seeAll(shown.fields, place) : undefined
  const seeUrl = (url: ShownUrl, place: string) => {
    see(url.path, `${place}: path`)
    seeAll(url.query, place)
  }
  events.forEach((event, index) => {
    const step = `<a href="#s${index + 1}">step ${index + 1}</a>`
    switch (event._tag) {
      case "Exchange":
        seeUrl(event.url, `${step}, ${event.kind}`)
        seeAll(event.request.headers, `${step}, ${event.kind}`)
        seeBody(event.request.body, `${step}, ${event.kind}`)
        if (event.answer._tag === "Answered") {
          seeAll(event.answer.headers, `${step}, answer to the ${event.kind}`)
          seeBody(event.answer.body, `${step}, answer to the ${event.kind}`)
        }
        break
      case "BrowserOpened":
        seeUrl(event.url, `${step}, authorization request`)
        break
      case "BrowserReturned":
        seeUrl(event.url, `${step}, authorization response`)
        break
      case "DeviceCode":
        seeAll(event.fields, `${step}, shown to the user`)
        break
      case "Note":
        see(event.text, step)
    }
  })
  return [...found].toSorted(([a], [b]) => a - b)
}

const outcomes = {
  SignedIn: ["good", "Signed in"],
  Failed: ["bad", "The sign-in failed"],
  Interrupted: ["mild", "The sign-in was interrupted"]
} as const

const laneHead = (title: string, below: string): string =>
  `<div class="lane"><b>${escape(title)}</b><span>${escape(below)}</span></div>`

const capital = (text: string): string => text.charAt(0).toUpperCase() + text.slice(1)

const titleOf = ({ roles }: TraceLane): string =>
  capital(roles.length === 0 ? "another server" : roles.join(" and "))

/**
 * Renders a trace as one page without scripts or external resources, every text escaped.
 *
 * @param version of mcp-cli
 */
export const render = (trace: Trace, version: string): string => {
  const origins = trace.lanes.map(({ origin }) => origin)
  const laneOf = (origin: string): number => 2 + Math.max(origins.indexOf(origin), 0)
  const count = 2 + trace.lanes.length
  const lifelines = Array.from(
    { length: count },
    (_, lane) => `<i class="life" style="left:${(((lane + 0.5) / count) * 100).toFixed(3)}%"></i>`
  ).join("")
  const steps = trace.events.map((event, index) => {
    const { arrows, detail, isOpen } = stepOf(event, laneOf, index === trace.events.length - 1)
    const head = `<span class="time"><b>${index + 1}</b> ${seconds(event.at - trace.startedAt)}</span><div class="flow">${lifelines}${arrows}</div>`
    return detail === ""
      ? `<div class="step bare" id="s${index + 1}"><div class="head">${head}</div></div>`
      : `<details class="step" id="s${index + 1}"${isOpen ? " open" : ""}><summary><div class="head">${head}</div></summary><div class="detail">${detail}</div></details>`
  })
  const [outcomeTone, outcomeTitle] = outcomes[trace.outcome._tag]
  const exchanges = trace.events.filter(({ _tag }) => _tag === "Exchange").length
  const marks = occurrences(trace.events).map(
    ([mark, { length, places }]) =>
      `<tr><td>${struck(mark, length)}</td><td>${[...places].join("<br>")}</td></tr>`
  )
  const title = `Sign-in to ${accountName(trace.server, trace.account)}`
  return `<!doctype html>
<html lang="en"><head><meta charset="utf-8"><meta http-equiv="Content-Security-Policy" content="default-src 'none'; style-src 'unsafe-inline'; base-uri 'none'; form-action 'none'"><meta name="viewport" content="width=device-width"><meta name="referrer" content="no-referrer"><meta name="generator" content="mcp-cli ${escape(version)}"><title>${escape(title)} · mcp-cli trace</title><style>${style}</style></head><body style="--halves:${2 * count}">
<h1>${escape(title)}</h1>
<div class="outcome ${outcomeTone}"><b>${outcomeTitle}</b>${html(trace.outcome.message)}</div>
<dl class="facts"><dt>Server</dt><dd>${escape(trace.server)} <code>${escape(origins[0] ?? "")}</code></dd><dt>Program</dt><dd>mcp-cli ${escape(version)}</dd><dt>Date</dt><dd>${escape(DateTime.formatIso(DateTime.makeUnsafe(trace.startedAt)))} (UTC)</dd><dt>Length</dt><dd>${seconds(trace.endedAt - trace.startedAt)}, ${exchanges} request${exchanges === 1 ? "" : "s"} by mcp-cli</dd></dl>
<p class="promise">Secrets were struck out when they were recorded and are not in this file${marks.length === 0 ? "" : ` (${marks.length} different values)`}: codes, tokens, client secrets, state, PKCE and nonces, cookies, configured headers, and each header, parameter and field that is not on mcp-cli's list of public names for that message. ${marks.length > 0 ? `${struck(1, "32 to 63").replace("value 1", "value N")} stands for such a value. The same number is the same value; it reveals nothing else.` : ""}</p>
<h2>The flow</h2>
<p class="hint">Click a line for its details. Times count from the start. Dashed arrows are steps that mcp-cli does not see, or answers that did not arrive.</p>
<div class="lanes">${laneHead("You", "and your browser")}${laneHead("mcp-cli", version)}${trace.lanes.map((lane) => laneHead(titleOf(lane), lane.origin)).join("")}</div>
${steps.length === 0 ? '<p class="empty">No request was sent.</p>' : steps.join("\n")}
${marks.length === 0 ? "" : `<h2>Struck-out values and where they appear</h2><table class="marks"><tr><th>Value</th><th>Where</th></tr>${marks.join("\n")}</table>`}
<footer>Written by mcp-cli ${escape(version)}. This page runs no scripts and loads nothing.</footer>
</body></html>
`
}
