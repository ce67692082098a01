import type { TokenSet } from "../../domain/TokenSet.ts"
import { relativeTime } from "./Output.ts"

/**
 * Says when the access token of a sign-in expires. Undefined: the server does not say.
 *
 * @param isRenewable it can be obtained again without a sign-in
 */
export const expiryText = (
  { expiresAt }: Pick<TokenSet, "expiresAt">,
  isRenewable: boolean,
  now: number
): string | undefined => {
  if (expiresAt === undefined) return undefined
  if (expiresAt <= now) {
    return `The access token has expired already${isRenewable ? ", and the next use renews it" : ", and cannot be refreshed: its server gives it too little time"}.`
  }
  const renewal = isRenewable
    ? ", and the next use after that renews it."
    : ". It cannot be refreshed: sign in again then."
  return `The access token expires ${relativeTime(expiresAt, now)}${renewal}`
}
