import { SignInRequired } from "../../../domain/SignInError.ts"
import type { SignInContext } from "../SignInContext.ts"
import { nonInteractiveGrant } from "./NonInteractiveGrant.ts"

const requireUser = ({ key: { account, server } }: SignInContext) =>
  new SignInRequired({ server, account, why: "non-interactive" })

/** The grants of a program without a user, such as a web server: the others fail with `SignInRequired`. */
export const nonInteractiveGrants = {
  ClientCredentials: nonInteractiveGrant,
  JwtBearer: nonInteractiveGrant,
  EnterpriseManaged: nonInteractiveGrant,
  AuthorizationCode: requireUser,
  DeviceCode: requireUser
}
