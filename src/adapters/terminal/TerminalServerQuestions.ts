import { Effect, Layer, type Scope } from "effect"
import { printable, safeJson, safeLine } from "../../domain/PrintableText.ts"
import { toolArguments } from "../../domain/ToolArgument.ts"
import {
  type Elicitation,
  type ElicitationAnswer,
  type Sampling,
  type SamplingAnswer,
  ServerQuestions
} from "../../ports/ServerRequests.ts"
import { formValue } from "./FormValue.ts"
import { hangingIndent } from "./HangingIndent.ts"
import { isLong, quotedText, wholeQuotedText } from "./QuotedText.ts"
import { writeAddress } from "./Screen.ts"
import { singleKeys } from "./SingleKeys.ts"
import { isAttended, say } from "./Terminal.ts"

const answerKeys = singleKeys("y", "n", "v")

/** Asks for `y` or `n` about a text. `v` shows all of a long one. */
const askAbout = Effect.fnUntraced(function* (
  { askKey }: Effect.Success<typeof answerKeys>,
  text: string,
  question: string
) {
  for (;;) {
    const key = yield* askKey(`${question}${isLong(text) ? ", v view all" : ""}: `)
    if (key !== "v") return key
    yield* say(`${wholeQuotedText(text)}\n`)
  }
})

const fillIn = Effect.fnUntraced(function* ({
  message,
  schema,
  server
}: Extract<Elicitation, { _tag: "Form" }>): Effect.fn.Return<ElicitationAnswer, never, Scope.Scope> {
  const keys = yield* answerKeys
  const rule = hangingIndent("It gets what you type: no password and no key. Ctrl-D leaves.")
  yield* say(
    `${safeLine(server)} asks you:\n${quotedText(message, "v shows all before you send")}\n${rule}\n`
  )
  const content: Record<string, unknown> = Object.create(null)
  for (const field of toolArguments(schema)) {
    const about = [
      field.choices === undefined ? field.type : field.choices.map(String).join(" | "),
      ...(field.required ? [] : ["optional"]),
      ...("default" in field ? [`Enter: ${safeJson(field.default)}`] : [])
    ].join(", ")
    const description = field.description === undefined ? "" : `: ${printable(field.description)}`
    yield* say(`${hangingIndent(`${printable(field.name)} (${safeLine(about)})${description}`)}\n`)
    for (;;) {
      const typed = yield* keys.askLine("> ")
      if (typed === undefined) return { _tag: "Cancel" }
      const value = formValue(field, typed)
      if (value._tag === "Value") content[field.name] = value.value
      if (value._tag !== "Wrong") break
      yield* say(`${hangingIndent(safeLine(value.problem))}\n`)
    }
  }
  yield* say(`${hangingIndent(safeJson(content, 2))}\n`)
  const key = yield* askAbout(keys, message, `Send this to ${safeLine(server)}? y send, n no`)
  return key === "y"
    ? { _tag: "Accept", content: { ...content } }
    : { _tag: key === "n" ? "Decline" : "Cancel" }
})

const openPage = Effect.fnUntraced(function* ({
  message,
  server,
  url
}: Extract<Elicitation, { _tag: "Url" }>) {
  const keys = yield* answerKeys
  yield* say(`${safeLine(server)} asks you to open a page:\n${quotedText(message)}\n`)
  yield* Effect.sync(() => writeAddress(new URL(url)))
  const key = yield* askAbout(keys, message, "Open it in your browser if you trust the address. y done, n no")
  return { y: { _tag: "Accept", content: {} }, n: { _tag: "Decline" }, end: { _tag: "Cancel" } }[
    key
  ] as ElicitationAnswer
})

const approve = Effect.fnUntraced(function* ({ messages, server, system }: Sampling) {
  const texts = messages.flatMap(({ content, role }) =>
    content.map((part) => `${role}: ${part._tag === "Text" ? part.text : `[${part.mimeType}]`}`)
  )
  const text = [...(system === undefined ? [] : [`system: ${system}`]), ...texts].join("\n")
  const keys = yield* answerKeys
  yield* say(`${safeLine(server)} wants your model to answer this:\n${quotedText(text)}\n`)
  return (yield* askAbout(keys, text, "Let it? You see the answer first. y once, n no")) === "y"
})

const approveAnswer = Effect.fnUntraced(function* ({ server }: Sampling, { model, text }: SamplingAnswer) {
  const keys = yield* answerKeys
  yield* say(`${safeLine(model)} would answer ${safeLine(server)}:\n${quotedText(text)}\n`)
  return (yield* askAbout(keys, text, `Send this to ${safeLine(server)}? y send, n no`)) === "y"
})

/** Asks at the terminal. Without a user, elicitations are left and nothing is sampled. */
export const layer = (options: { readonly interactive: boolean }): Layer.Layer<ServerQuestions> => {
  const isPresent = () => options.interactive && isAttended()
  return Layer.succeed(ServerQuestions, {
    elicit: Effect.fn("TerminalServerQuestions.elicit")((elicitation) => {
      if (!isPresent()) return Effect.succeed({ _tag: "Cancel" as const })
      return Effect.scoped(elicitation._tag === "Form" ? fillIn(elicitation) : openPage(elicitation))
    }),
    approveSampling: Effect.fn("TerminalServerQuestions.approveSampling")((sampling) =>
      isPresent() ? Effect.scoped(approve(sampling)) : Effect.succeed(false)
    ),
    approveAnswer: Effect.fn("TerminalServerQuestions.approveAnswer")((sampling, answer) =>
      isPresent() ? Effect.scoped(approveAnswer(sampling, answer)) : Effect.succeed(false)
    )
  })
}
