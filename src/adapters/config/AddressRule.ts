import { hasUserInformation, isSecureUrl } from "../../domain/SecureUrl.ts"

/**
 * What is wrong with the address of a server or an endpoint: it must be secure, and have neither a fragment (RFC 6749
 * §3.1 and §3.2, RFC 8707 §2) nor user information, which `fetch` refuses.
 */
export const addressProblem = (address: URL): string | undefined => {
  if (!isSecureUrl(address))
    return "must be an https URL (http only for this machine, as in http://localhost:3000)"
  if (hasUserInformation(address)) return "must not have a user name or password in it"
  return address.href.includes("#") ? "must not have a fragment (#…)" : undefined
}
