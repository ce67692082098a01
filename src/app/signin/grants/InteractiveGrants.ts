import { deviceCodeGrant } from "./DeviceCodeGrant.ts"
import { loopbackGrant } from "./LoopbackGrant.ts"
import { nonInteractiveGrant } from "./NonInteractiveGrant.ts"

/** The grants of a program whose user is at this machine. */
export const interactiveGrants = {
  ClientCredentials: nonInteractiveGrant,
  JwtBearer: nonInteractiveGrant,
  EnterpriseManaged: nonInteractiveGrant,
  AuthorizationCode: loopbackGrant,
  DeviceCode: deviceCodeGrant
}
