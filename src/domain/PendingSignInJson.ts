import { Schema } from "effect"
import { PendingSignIn } from "./PendingSignIn.ts"

/** A pending sign-in as JSON text. It contains secrets in the clear. */
export const PendingSignInJson = Schema.fromJsonString(Schema.toCodecJson(PendingSignIn))
