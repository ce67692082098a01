import { Layer } from "effect"
import * as Credentials from "../app/credentials/Credentials.ts"
import * as CredentialStatus from "../app/credentials/CredentialStatus.ts"
import * as AuthorizedHttp from "../app/http/AuthorizedHttp.ts"
import * as SignIn from "../app/signin/SignIn.ts"
import * as SignOut from "../app/signin/SignOut.ts"
import * as AccessTokens from "../app/tokens/AccessTokens.ts"

/** The use cases of a program with a user: access tokens, HTTP that carries them, sign-in, sign-out and status. */
export const services = Layer.mergeAll(AuthorizedHttp.layer, CredentialStatus.layer, SignOut.layer).pipe(
  Layer.provideMerge(AccessTokens.layer),
  Layer.provideMerge(SignIn.layer),
  Layer.provideMerge(Credentials.layer)
)
