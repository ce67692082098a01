import { Cause, Effect, Exit, Hash, Metric, Option } from "effect"
import type { CredentialKey } from "../../domain/CredentialKey.ts"
import { nonInteractiveGrantTypes } from "../../domain/Server.ts"
import type { Renewal, SignInNeeded, Stale, TokenState } from "../../domain/TokenState.ts"
import { type Attributes, attribute, failuresOf, type Operation, successesOf } from "./TokenMetrics.ts"
import type { AccessTokenError, TokenQuery } from "./TokenSource.ts"

/**
 * A pseudonym of an account: the same account has the same one in every process. It keeps names out of traces, but is no
 * secret: it is a hash of 32 bits without a key, which can be computed from a known name.
 */
const pseudonym = ({ storageName }: CredentialKey): string =>
  (Hash.string(storageName) >>> 0).toString(16).padStart(8, "0")

/** The tag of what went wrong: of the reason, where an error has one. */
const errorTypeOf = (error: AccessTokenError): string => {
  const reason = "reason" in error ? error.reason : undefined
  return typeof reason === "object" ? reason._tag : error._tag
}

const outcomes: { readonly [Tag in TokenState["_tag"]]: string } = {
  Usable: "usable",
  Stale: "stale",
  Unanswered: "unanswered",
  SignInNeeded: "sign_in_needed"
}

/**
 * Runs an operation in a span `AccessTokens.{operation}` and counts how it ends. Not for the path from memory, where a span
 * would cost more than the token.
 */
export const observe =
  (operation: Operation, query: TokenQuery, attributes: Attributes = {}) =>
  <A, E extends AccessTokenError, R>(
    effect: Effect.Effect<A, E, R>,
    outcomeOf: (value: A) => string = () => "usable"
  ): Effect.Effect<A, E, R> => {
    const record = Effect.fnUntraced(function* (exit: Exit.Exit<A, E>) {
      if (Exit.isSuccess(exit)) {
        yield* Effect.annotateCurrentSpan(attribute.outcome, outcomeOf(exit.value))
        const metric = successesOf(operation, attributes)
        if (metric !== undefined) yield* Metric.update(metric, 1)
        return
      }
      if (Cause.hasInterruptsOnly(exit.cause)) {
        yield* Effect.annotateCurrentSpan(attribute.outcome, "interrupted")
        return
      }
      const errorType = Option.match(Cause.findErrorOption(exit.cause), {
        onNone: () => "defect",
        onSome: errorTypeOf
      })
      yield* Effect.annotateCurrentSpan({
        [attribute.outcome]: "failed",
        [attribute.errorType]: errorType
      })
      yield* Metric.update(failuresOf(operation, errorType), 1)
    })
    return Effect.withSpan(Effect.onExit(effect, record), `AccessTokens.${operation}`, {
      attributes: {
        [attribute.server]: query.server.name,
        [attribute.account]: pseudonym(query.key),
        ...attributes
      }
    })
  }

/** Traces and counts each run of a source. See {@link observe}. */
export const observed =
  <Found extends TokenState, In, Failure extends AccessTokenError>(
    operation: Operation,
    source: (query: TokenQuery, state: In) => Effect.Effect<Found, Failure>,
    attributesOf: (state: In) => Attributes = () => ({})
  ): typeof source =>
  (query, state) =>
    observe(operation, query, attributesOf(state))(source(query, state), ({ _tag }) => outcomes[_tag])

const renewalName = (renewal: Renewal): string =>
  renewal._tag === "RefreshToken" ? "refresh_token" : nonInteractiveGrantTypes[renewal.grant._tag]

/** Says how stale tokens are renewed. */
export const renewalAttributes = ({ renewal }: Stale): Attributes => ({
  [attribute.renewal]: renewalName(renewal)
})

/** Says why a sign-in is needed. */
export const reasonAttributes = ({ why }: SignInNeeded): Attributes => ({ [attribute.reason]: why })
