import type { Credential } from "../../domain/Credential.ts"

/** Decides between two records of one sign-in, in different stores. */
export type Rule = (one: Credential, other: Credential) => boolean

/**
 * True if a record has the younger tokens: only they hold the current refresh token of a server that rotates them. For records
 * that were written apart from each other.
 */
export const isNewer: Rule = (one, other) => {
  const age = ({ tokens }: Credential) => tokens?.obtainedAt ?? 0
  return age(one) === age(other) ? one.generation > other.generation : age(one) > age(other)
}

/**
 * True if a record was written after the other one, of which one is a copy. That counts although its tokens were refused since,
 * or were obtained while the clock was behind.
 */
export const isAhead: Rule = (one, other) => one.generation > other.generation
