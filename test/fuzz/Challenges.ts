import { Effect } from "effect"
import {
  bearerChallenge,
  type Challenge,
  missingScopes,
  parseChallenges,
  wantsNonce
} from "../../src/domain/Challenge.ts"
import { anyText, anyUrl, mutated, sometimesHuge } from "./Mutation.ts"
import type { Random } from "./Random.ts"
import { BackendError, mustAll, type Target } from "./Target.ts"

const schemes = ["Bearer", "bearer", "DPoP", "Basic", "Negotiate", "Digest", "x"] as const
const names = [
  "error",
  "scope",
  "resource_metadata",
  "realm",
  "ERROR",
  "algs",
  "__proto__",
  "constructor",
  "a"
] as const
const bare = ["insufficient_scope", "use_dpop_nonce", "invalid_token", "x", "a/b", "abc==", ""] as const
const gaps = [" ", "", "\t", "  ", " \t ", "\n", " , ", ",", ", ", ",,"] as const

const quote = (text: string) => `"${text.replace(/["\\]/g, "\\$&")}"`

const anyValue = (random: Random): string =>
  random.oneIn(3) ? random.pick(bare) : quote(random.oneIn(2) ? anyUrl(random) : anyText(random))

const anyChallenge = (random: Random): string => {
  const scheme = random.pick(schemes)
  if (random.oneIn(6)) return `${scheme}${random.pick(gaps)}${random.pick(bare)}`
  const parameters = random.list(
    5,
    () =>
      `${random.pick(names)}${random.oneIn(8) ? random.pick(gaps) : ""}=${random.oneIn(8) ? random.pick(gaps) : ""}${anyValue(random)}`
  )
  return `${scheme} ${parameters.join(random.oneIn(4) ? random.pick(gaps) : ", ")}`
}

const anyHeader = (random: Random): string => {
  if (random.oneIn(4)) return anyText(random)
  const header = random.list(4, () => anyChallenge(random)).join(random.oneIn(4) ? random.pick(gaps) : ", ")
  return sometimesHuge(random, random.oneIn(2) ? mutated(random, header) : header)
}

/** Challenges by the grammar of RFC 9110 §11.6.1, every value as a quoted string. */
const print = (challenges: ReadonlyArray<Challenge>): string =>
  challenges
    .map(({ parameters, scheme }) =>
      `${scheme} ${Object.entries(parameters)
        .map(([name, value]) => `${name}=${quote(value)}`)
        .join(", ")}`.trim()
    )
    .join(", ")

/** A challenge that may follow any other, and its parameters as they must be read: these names are no parts of objects. */
const last = 'x __proto__="p", constructor="c", toString="\\""'
const lastRead = JSON.stringify([
  ["__proto__", "p"],
  ["constructor", "c"],
  ["tostring", '"']
])

const token = /^[!#$%&'*+\-.^_`|~0-9a-z]+$/

/**
 * `WWW-Authenticate` headers. Reading never throws, and gives what the grammar allows; what was read, written down and
 * read again is the same; whoever asks for one thing in it gets a text of that challenge or nothing.
 */
export const challenges: Target<string> = {
  name: "challenges",
  generate: anyHeader,
  check: Effect.fnUntraced(function* (header) {
    const { after, again, all, bearer } = yield* Effect.try({
      try: () => {
        const all = parseChallenges(header)
        const bearer = bearerChallenge(header)
        missingScopes(bearer)
        wantsNonce(header)
        const after = parseChallenges([print(all), last].filter((text) => text !== "").join(", ")).at(-1)
        return { after, again: parseChallenges(print(all)), all, bearer }
      },
      catch: (cause) => new BackendError({ what: `reading throws: ${String(cause)}` })
    })
    yield* mustAll([
      [JSON.stringify(again) === JSON.stringify(all), "what was read is not read again from what it says"],
      [
        JSON.stringify(Object.entries(after?.parameters ?? {})) === lastRead,
        "a challenge is not read as it would be without those before it"
      ],
      [all.every(({ scheme }) => token.test(scheme)), "a scheme that is no token in lower case"],
      [
        all.every(({ parameters }) => Object.keys(parameters).every((name) => token.test(name))),
        "the name of a parameter that is no token in lower case"
      ],
      [
        all.every(({ parameters }) => Object.values(parameters).every((value) => typeof value === "string")),
        "the value of a parameter that is no text"
      ],
      [
        (bearer !== undefined) === all.some(({ scheme }) => scheme === "bearer" || scheme === "dpop"),
        "a Bearer challenge that is not there, or is and was not seen"
      ],
      [
        bearer === undefined ||
          [bearer.error, bearer.scope, bearer.resourceMetadata].every(
            (value, at) =>
              value === undefined ||
              all
                .flatMap(({ parameters }) => Object.values(parameters))
                .some((written) => value === (at === 0 ? written.toLowerCase() : written))
          ),
        "a value that no challenge has"
      ]
    ])
    if (all.length === 0) return "nothing read"
    return bearer === undefined ? "other challenges" : "accepted"
  })
}
