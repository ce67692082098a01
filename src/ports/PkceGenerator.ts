import { Context, type Effect } from "effect"
import type { FlowSecrets } from "../domain/AuthorizationRequest.ts"

/** Makes the random values of one authorization request: 256 bits each, from a secure source. */
export class PkceGenerator extends Context.Service<
  PkceGenerator,
  { readonly make: Effect.Effect<FlowSecrets> }
>()("mcp-cli-oauth/ports/PkceGenerator") {}
