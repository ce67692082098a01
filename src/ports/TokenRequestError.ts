import { Schema } from "effect"
import { laterText } from "../domain/LaterText.ts"
import { oauthEndpoints } from "../domain/OAuthEndpoints.ts"
import * as Remedy from "../domain/Remedy.ts"
import { suggestsSignIn } from "../domain/UnclearFailure.ts"
import { answerText, TokenFailure, type UnusableSecret } from "../domain/TokenFailure.ts"

/** Purposes of requests whose failures read differently from those of a sign-in or a refresh. */
export const requestPurposes = [
  "sign-in",
  "refresh",
  "revocation",
  "assertion",
  "identity assertion",
  "device authorization",
  "pushed authorization"
] as const

/** One of {@link requestPurposes}. */
export type RequestPurpose = (typeof requestPurposes)[number]

type Purpose = RequestPurpose | undefined

/** What the endpoint of a request is called, is asked to do, and is configured by. */
interface EndpointText {
  readonly name: string
  readonly task: string
  readonly field: string
}

const tokenEndpoint: EndpointText = {
  name: "a token endpoint",
  task: "issue a token",
  field: oauthEndpoints.token.configurationKey
}

const endpoints: Readonly<Record<RequestPurpose, EndpointText>> = {
  "sign-in": tokenEndpoint,
  refresh: tokenEndpoint,
  assertion: tokenEndpoint,
  "identity assertion": tokenEndpoint,
  revocation: {
    name: "a revocation endpoint",
    task: "revoke the token",
    field: oauthEndpoints.revocation.configurationKey
  },
  "device authorization": {
    name: "a device authorization endpoint",
    task: "issue a device code",
    field: oauthEndpoints.deviceAuthorization.configurationKey
  },
  "pushed authorization": {
    name: "a pushed authorization request endpoint",
    task: "accept the authorization request",
    field: oauthEndpoints.pushedAuthorization.configurationKey
  }
}

const endpointOf = (purpose: Purpose): EndpointText =>
  purpose === undefined ? tokenEndpoint : endpoints[purpose]

const invalidGrantOf = (purpose: Purpose): string => {
  switch (purpose) {
    case "revocation":
      return "does not know the token"
    case "assertion":
      return "does not accept the assertion"
    case "pushed authorization":
      return "refused the authorization request"
    case "identity assertion":
      return "no longer accepts the token of the sign-in there"
    case "sign-in":
      return "did not accept the code of this sign-in"
    default:
      return "no longer accepts this sign-in"
  }
}

const predicateOf = (reason: Exclude<TokenFailure, UnusableSecret>, purpose: Purpose): string => {
  switch (reason._tag) {
    case "Transient":
      return `is not available now (${reason.detail})`
    case "Unanswered":
      return `got the request, but its answer was lost (${reason.detail})`
    case "InvalidGrant":
      return `${invalidGrantOf(purpose)} (${answerText(reason)})`
    case "InvalidClient":
      return `does not accept this client (${answerText(reason)})`
    case "Refused":
      return `refused to ${endpointOf(purpose).task} (${answerText(reason)})`
    case "Malformed":
      return `did not answer like ${endpointOf(purpose).name} (${reason.detail})`
    case "NotSenderConstrained":
      return purpose === "revocation"
        ? `did not answer like ${endpointOf(purpose).name}`
        : "issued tokens that are not bound to a key (DPoP), which were discarded"
  }
}

/** What is wrong with a secret: the file, or the field that holds it. */
const secretProblem = (server: string, { field, file, problem }: UnusableSecret): string =>
  file === undefined
    ? `"${field}" of ${server} ${problem}`
    : `${file}, which "${field}_file" of ${server} names, ${problem}`

const secretRemedies = (
  block: ReturnType<typeof Remedy.oauthOf>,
  { field, file }: UnusableSecret
): ReadonlyArray<Remedy.Remedy> =>
  file === undefined
    ? [Remedy.check(block, [field])]
    : [
        Remedy.check(block, [`${field}_file`]),
        Remedy.advice("If it is right, create the file or correct its content.")
      ]

const remediesOf = ({
  account,
  isByHand,
  purpose,
  reason,
  server
}: TokenRequestError): ReadonlyArray<Remedy.Remedy> => {
  if (purpose === "revocation") return []
  const oauth = Remedy.oauthOf(server)
  const block = purpose === "identity assertion" ? [...oauth, "identity_provider"] : oauth
  const login = (purpose?: string) => Remedy.command("auth login", { server, account, purpose })
  const way = purpose === "refresh" && suggestsSignIn(reason) ? [login("sign in instead")] : []
  const report = Remedy.advice(`Tell the provider of ${server}.`)
  const doctor = Remedy.doctor(server)
  switch (reason._tag) {
    case "Transient": {
      const later = laterText(reason.retryAfter)
      const isUnreachable = isByHand === true && reason.status === undefined && purpose !== "refresh"
      return [
        // An address that does not answer may be a wrong one of the configuration.
        ...(isUnreachable ? [Remedy.check(block, [endpointOf(purpose).field]), doctor] : []),
        Remedy.advice(
          purpose === "sign-in" ? `Sign in again ${later}.` : `Nothing was lost. Try again ${later}.`
        ),
        ...way
      ]
    }
    case "Unanswered":
      return purpose === "sign-in" ? [login("start again")] : [Remedy.advice("Try again later.")]
    case "InvalidGrant":
      if (purpose === "assertion") {
        return [
          Remedy.advice('Check that the assertion has not expired, and that its "iss" and "aud" are right.')
        ]
      }
      return purpose === "identity assertion"
        ? [
            Remedy.advice("Sign in to the identity provider again, and store the new token."),
            Remedy.check(oauth, ["subject_token"])
          ]
        : [login()]
    case "InvalidClient":
      return purpose === "identity assertion"
        ? [Remedy.check(block, ["client_id", "client_secret", "private_key"])]
        : [doctor]
    case "Refused":
      return [...way, Remedy.checkOAuth(server), doctor]
    case "Malformed":
      // A wrong endpoint of the configuration is for the user to correct.
      return [
        ...way,
        ...(isByHand || Remedy.hasEntry(server)
          ? [
              Remedy.check(
                block,
                [endpointOf(purpose).field],
                isByHand ? undefined : "the configuration sets it"
              )
            ]
          : []),
        ...(purpose === "identity assertion" ? [] : [doctor]),
        ...(isByHand ? [] : [report])
      ]
    case "UnusableSecret":
      return secretRemedies(block, reason)
    case "NotSenderConstrained":
      return [
        report,
        ...(Remedy.hasEntry(server) ? [Remedy.remove(oauth, ["dpop"], "the server does not require it")] : [])
      ]
  }
}

/** A token request failed; `reason` says how. */
export class TokenRequestError extends Schema.TaggedError<TokenRequestError>()("TokenRequestError", {
  server: Schema.String,
  /** Origin of the endpoint. */
  origin: Schema.String,
  /** What was requested; absent: tokens. */
  purpose: Schema.optionalKey(Schema.Literals(requestPurposes)),
  /** The configuration names the endpoint. Absent: the metadata does, or it is unknown. */
  isByHand: Schema.optionalKey(Schema.Literal(true)),
  /** Absent: the default account. */
  account: Schema.optionalKey(Schema.String),
  reason: TokenFailure
}) {
  override get message(): string {
    const { origin, purpose, reason, server } = this
    if (reason._tag === "UnusableSecret") {
      return `${secretProblem(server, reason)}. Nothing was sent to ${origin}.`
    }
    const role = purpose === "identity assertion" ? "identity provider" : "authorization server"
    return `The ${role} of ${server}, ${origin}, ${predicateOf(reason, purpose)}.`
  }

  get remedies(): ReadonlyArray<Remedy.Remedy> {
    return remediesOf(this)
  }
}
