import { Effect, Redacted } from "effect"
import { render } from "../../src/adapters/loopback/CallbackPage.ts"
import { readAuthorizationResponse } from "../../src/domain/AuthorizationResponse.ts"
import { anyText, anyUrl, mutated, sometimesHuge } from "./Mutation.ts"
import type { Random } from "./Random.ts"
import { BackendError, isShowable, mustAll, secretIn, seenOf, type Target } from "./Target.ts"

const state = "the-state-of-this-flow-0123456789"
const verifier = "the-verifier-of-this-flow-0123456789"
const code = "the-code-of-this-flow-0123456789"
const issuer = "https://as.test"

/** The query of a request to the redirect URI, and what its flow knows of the issuer. */
export interface Callback {
  readonly query: string
  readonly issuerKnown: boolean
  readonly issuerRequired: boolean
}

const names = [
  "state",
  "iss",
  "code",
  "error",
  "error_description",
  "error_uri",
  "STATE",
  "state[]",
  "x"
] as const
const errors = ["access_denied", "invalid_scope", "server_error", ""] as const

const valueOf = (random: Random, name: string): string => {
  if (random.oneIn(10)) return anyText(random)
  switch (name) {
    case "state":
      return random.oneIn(12) ? mutated(random, state) : state
    case "iss":
      return random.oneIn(3) ? (random.oneIn(2) ? anyUrl(random) : mutated(random, issuer)) : issuer
    case "code":
      return random.oneIn(12) ? "" : code
    case "error":
      return random.pick(errors)
    default:
      return anyText(random)
  }
}

const write = (random: Random, text: string): string =>
  // What has no UTF-8 goes as it is.
  random.oneIn(5) || !text.isWellFormed() ? text : encodeURIComponent(text)

const anyQuery = (random: Random): string => {
  if (random.oneIn(6)) return anyText(random)
  const wanted = [
    ...(random.oneIn(12) ? [] : ["state"]),
    ...(random.oneIn(2) ? ["iss"] : []),
    random.oneIn(3) ? "error" : "code",
    ...(random.oneIn(3) ? ["error_description"] : []),
    ...(random.oneIn(6) ? [random.pick(names)] : [])
  ]
  const query = wanted.map((name) => `${name}=${write(random, valueOf(random, name))}`).join("&")
  return sometimesHuge(random, random.oneIn(3) ? mutated(random, query) : query)
}

/**
 * Requests to the redirect URI. A code is taken only with exactly this flow's state and, where it is due, exactly its
 * issuer, and once each; nothing of this flow's secrets is told; no text of the answer can write on a terminal or into
 * the page that the browser ends at.
 */
export const callbacks: Target<Callback> = {
  name: "callbacks",
  generate: (random) => ({
    query: anyQuery(random),
    issuerKnown: !random.oneIn(4),
    issuerRequired: random.oneIn(2)
  }),
  check: Effect.fnUntraced(function* ({ issuerKnown, issuerRequired, query }) {
    const parameters = new URLSearchParams(query)
    const answer = yield* Effect.try({
      try: () =>
        readAuthorizationResponse(
          {
            issuer: issuerKnown ? issuer : undefined,
            issuerRequired,
            secrets: { state: Redacted.make(state) }
          },
          parameters
        ),
      catch: (cause) => new BackendError({ what: `reading throws: ${String(cause)}` })
    })
    const of = (name: string) => parameters.getAll(name)
    const isOurs = of("state").length === 1 && of("state")[0] === state
    // RFC 6749 §3.1: a parameter without a value counts as absent.
    const given = (name: string) => of(name).filter((value) => value !== "")
    const issuers = given("iss")
    const isFromIssuer =
      issuers.length === 0 ? !(issuerKnown && issuerRequired) : !issuerKnown || issuers[0] === issuer
    const isClear = isOurs && isFromIssuer && of("iss").length <= 1
    const isCode =
      of("code").length === 1 &&
      given("code").length === 1 &&
      of("error").length <= 1 &&
      given("error").length === 0
    const isError = of("error").length === 1 && given("error").length === 1 && of("code").length <= 1
    const texts =
      answer._tag === "Denied"
        ? [answer.error, answer.description ?? ""]
        : answer._tag === "Rejected"
          ? [answer.detail]
          : []
    yield* mustAll([
      [answer._tag === "Granted" ? isClear && isCode : !(isClear && isCode), "a code taken or left wrongly"],
      [
        answer._tag === "Denied" ? isClear && isError : !(isClear && isError),
        "an error taken or left wrongly"
      ],
      [answer._tag !== "Foreign" || of("state")[0] !== state, "this flow's own answer taken for another's"],
      [
        answer._tag === "Foreign" || of("state")[0] === state,
        "an answer of another flow taken for this one's"
      ],
      [
        answer._tag !== "Granted" || Redacted.value(answer.code) === of("code")[0],
        "another code than the one in the answer"
      ],
      [texts.every(isShowable), `a text that cannot be shown: ${JSON.stringify(texts)}`],
      [answer._tag !== "Granted" || secretIn(seenOf(answer), [code]) === undefined, "the code can be seen"],
      [secretIn(seenOf(answer), [verifier]) === undefined, "the verifier can be seen"],
      [
        texts.every((text) => {
          const page = render({ status: 200, state: "done", next: "", title: text, text })
          return (
            page.split("<").length ===
            render({ status: 200, state: "done", next: "", title: "", text: "" }).split("<").length
          )
        }),
        "markup of the answer in the page"
      ]
    ])
    return answer._tag === "Granted" ? "accepted" : answer._tag
  })
}
