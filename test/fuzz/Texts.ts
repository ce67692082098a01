import { Effect } from "effect"
import { shown } from "../../src/adapters/terminal/Screen.ts"
import { escapeHtml } from "../../src/domain/HtmlText.ts"
import { printable, safeJson, safeLine, safeText } from "../../src/domain/PrintableText.ts"
import { anyText, mutated, sometimesHuge } from "./Mutation.ts"
import type { Random } from "./Random.ts"
import { BackendError, mustAll, type Target } from "./Target.ts"

const pieces = [
  "\u001b[1m",
  "\u001b[0m",
  "\u001b[38;5;16;48;5;231m",
  "\u001b[8m",
  "\u001b[2J",
  "\u001b[1",
  "m",
  "\u001b",
  "\u001b]0;title\u0007",
  "\u001b]8;;http://evil.test\u001b\\",
  "\u001b]52;c;QUFB\u009c",
  "\u001bP1$r\u001b\\",
  "\u009b31m",
  "\u009d",
  "\u0085",
  "\u007f",
  "\b",
  "\r",
  "\r\n",
  "\n",
  "\t",
  "\0",
  "\u2028",
  "\u2029",
  "\u202a",
  "\u202e",
  "\u2066",
  "\u2069",
  "\u061c",
  "\u200e",
  "\u200f",
  "\u200b",
  "\u200c",
  "\u200d",
  "\u2060",
  "\ufeff",
  "\u00ad",
  "\u034f",
  "\u115f",
  "\u3164",
  "\u180b",
  "\u180e",
  "\ufe0f",
  "\ufff9",
  "\u{e0001}",
  "\u{e0041}",
  "\u{e0100}",
  "\ud800",
  "\udc00",
  "a",
  "é",
  "م",
  "क",
  "\u0301",
  "👩",
  "🏽",
  "💻",
  "1\ufe0f\u20e3",
  "mcp-cli: "
] as const

const anyHostileText = (random: Random): string => {
  const text = random.list(12, () => (random.oneIn(5) ? anyText(random) : random.pick(pieces))).join("")
  return sometimesHuge(random, random.oneIn(3) ? mutated(random, text) : text)
}

/** Joiners and variants. */
const joiners = String.raw`\u200c\u200d\u180b-\u180d\u180f`

/** Invisible or acted on, by other properties of Unicode than the code uses. Joiners and variants can be text. */
const hidden = new RegExp(
  String.raw`(?![\n\t${joiners}])[\p{Cc}\p{Cs}\p{Zl}\p{Zp}\p{Bidi_C}\p{Default_Ignorable_Code_Point}]`,
  "u"
)
const selectors = /\ufe0e|\ufe0f/g
/** A joiner where no script and no emoji has one. */
const stray = new RegExp(String.raw`(?:^|[\p{ASCII}\s])[${joiners}]`, "u")
// oxlint-disable-next-line no-control-regex -- styles are control sequences
const styles = /\u001b\[[\d;]+m/g

const isSafe = (text: string): boolean => {
  const plain = text.replace(selectors, "")
  return !hidden.test(plain) && !stray.test(plain)
}

/**
 * Texts of servers on their way to a terminal. Nothing that it acts on or hides is left, making a text safe twice is the same
 * as once, a safe text stays as it is, JSON reads back the same, and only our styles stay on the screen.
 */
export const texts: Target<string> = {
  name: "texts",
  generate: anyHostileText,
  check: Effect.fnUntraced(function* (text) {
    const done = yield* Effect.try({
      try: () => ({
        text: safeText(text),
        line: safeLine(text),
        quote: printable(text),
        json: safeJson({ [text]: text }),
        screen: shown(text),
        html: escapeHtml(text)
      }),
      catch: (cause) => new BackendError({ what: `it throws: ${String(cause)}` })
    })
    const styled = done.screen.match(styles) ?? []
    yield* mustAll([
      [isSafe(done.text), "a text that a terminal acts on"],
      [isSafe(done.line) && !/[\n\t]/.test(done.line), "a line that is not one"],
      [isSafe(done.quote) && !/[\n\t]/.test(done.quote), "a quotation that is not one line"],
      [done.quote.length <= 301, "a long quotation"],
      [isSafe(done.screen.replace(styles, "")), "a screen that is acted on"],
      [
        styled.every((style) => !/\b8m|\[[34][07]m/.test(style) || /;5;/.test(style)),
        "a style that hides text"
      ],
      [isSafe(done.html) && !/[<>"']/.test(done.html), "markup, or text that a page hides"],
      [isSafe(done.json) && !new RegExp(`[${joiners}]`, "u").test(done.json), "JSON that a terminal acts on"],
      [
        JSON.stringify(JSON.parse(done.json)) === JSON.stringify({ [text]: text }),
        "JSON that reads back differently"
      ],
      [safeText(done.text) === done.text, "a text that is not safe at once"],
      [safeLine(done.line) === done.line, "a line that is not safe at once"],
      [
        printable(done.quote) === done.quote || done.quote.endsWith("…"),
        "a quotation that is not safe at once"
      ],
      [!/^[ -~\n]*$/.test(text) || done.text === text, "a safe text that was changed"]
    ])
    return done.text === text ? "accepted" : "changed"
  })
}
