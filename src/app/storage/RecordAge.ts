import type { Credential } from "../../domain/Credential.ts"

/** Decides between two records of one sign-in, in different stores. */
export type Rule = (one: Credential, other: Credential) => boolean

/** True if a record has the younger tokens: only they hold the current refresh token of a server that rotates them. */
export const isNewer: Rule = (one, other) => {
  const age = ({ tokens }: Credential) => tokens?.obtainedAt ?? 0
  return age(one) === age(other) ? one.generation > other.generation : age(one) > age(other)
}

/** True if a record has lost the tokens of another one, which is an earlier copy of it: they were refused since. */
export const isRefused: Rule = (one, copy) => one.tokens === undefined && one.generation > copy.generation

/** True if what the source of a move has counts for more than what its target has by now. */
export const isAhead: Rule = (left, there) => isNewer(left, there) && !isRefused(there, left)
