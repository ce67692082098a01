import { type Credential, hasSameTokens, isSameCredential } from "../../domain/Credential.ts"

/** A credential that could not be stored yet. */
export interface UnsavedCredential {
  readonly credential: Credential
  /** The user has approved these tokens: they count for more than a renewal of what they replace. */
  readonly isSignIn: boolean
  /** The record of the store that it replaces. Generation 0: there was none. */
  readonly replaces: {
    readonly generation: number
    /** Absent: there was none, or memory no longer has it. */
    readonly credential: Credential | undefined
  }
}

/** Creates an unsaved credential. `before` is what memory held, if it held anything. */
export const unsavedCredential = (
  credential: Credential,
  before: Credential | undefined,
  isSignIn = false
): UnsavedCredential => ({
  credential,
  isSignIn,
  replaces: { generation: before?.generation ?? credential.generation - 1, credential: before }
})

/**
 * The credential that counts instead of one whose lock was lost before it was stored. Absent: none, it is still to be stored.
 *
 * | the store holds                                  | result                                |
 * | ------------------------------------------------ | ------------------------------------- |
 * | the tokens that were replaced, which are used up | none                                  |
 * | other tokens                                     | those                                 |
 * | no tokens: the used ones were refused            | none                                  |
 * | a client alone, after a renewal: a sign-out      | that                                  |
 * | nothing, after a renewal: a sign-out             | a credential without tokens           |
 * | nothing, or a client alone, after a sign-in      | none                                  |
 */
export const winnerOver = (
  mine: Credential,
  stored: Credential | undefined,
  before: Credential | undefined,
  isSignIn: boolean
): Credential | undefined => {
  if (stored === undefined) return before === undefined || isSignIn ? undefined : mine.withoutTokens
  if (stored.tokens === undefined) return stored.isUnused === true && !isSignIn ? stored : undefined
  return before && hasSameTokens(stored, before) ? undefined : stored
}

/**
 * Decides whether an unsaved credential may be stored, by what the store holds now. The first row that applies counts:
 *
 * | the store holds                                         | result       |
 * | ------------------------------------------------------- | ------------ |
 * | the unsaved credential: only the answer was lost        | `Stored`     |
 * | the record that it replaces, or one with its tokens     | `Store`      |
 * | a record without tokens, where it replaces one          | `Store`      |
 * | older tokens, and the unsaved ones are of a sign-in     | `Store`      |
 * | any other, or none: a sign-in or sign-out came first    | `Superseded` |
 *
 * A record loses its tokens when another process tries the refresh token that the unsaved credential has replaced.
 */
export const unsavedDecision = (
  stored: Credential | undefined,
  { credential, isSignIn, replaces }: UnsavedCredential
): "Store" | "Stored" | "Superseded" => {
  if (stored === undefined) return replaces.generation === 0 ? "Store" : "Superseded"
  if (isSameCredential(stored, credential)) return "Stored"
  const isOlder = (stored.tokens?.obtainedAt ?? 0) < (credential.tokens?.obtainedAt ?? 0)
  if (isSignIn && stored.tokens !== undefined && isOlder) return "Store"
  if (replaces.generation === 0) return "Superseded"
  const isReplaced =
    replaces.credential === undefined
      ? stored.generation === replaces.generation
      : isSameCredential(stored, replaces.credential) || hasSameTokens(stored, replaces.credential)
  return isReplaced || stored.tokens === undefined ? "Store" : "Superseded"
}
