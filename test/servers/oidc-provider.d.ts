declare module "oidc-provider" {
  import type { IncomingMessage, ServerResponse } from "node:http"

  /** What the tests use of oidc-provider, which ships no types. */
  export class Provider {
    constructor(issuer: string, configuration: Record<string, unknown>)
    use(
      middleware: (
        context: { readonly oidc?: { readonly route?: string }; body: unknown },
        next: () => Promise<void>
      ) => Promise<void>
    ): this
    callback(): (request: IncomingMessage, response: ServerResponse) => void
    on(event: string, listener: (...args: ReadonlyArray<never>) => void): this
    interactionDetails(
      request: IncomingMessage,
      response: ServerResponse
    ): Promise<{
      readonly uid: string
      readonly prompt: { readonly name: string; readonly details: Record<string, unknown> }
      readonly params: Record<string, string | undefined>
      readonly grantId?: string
      readonly grantId?: string
    }>
    interactionFinished(
      request: IncomingMessage,
      response: ServerResponse,
      result: Record<string, unknown>,
      options?: { readonly mergeWithLastSubmission?: boolean }
    ): Promise<void>
    readonly Grant: {
      new (properties: { readonly accountId: string; readonly clientId: string }): Grant
      find(grantId: string): Promise<Grant | undefined>
    }
    readonly AccessToken: { find(token: string): Promise<TokenModel | undefined> }
    readonly ClientCredentials: { find(token: string): Promise<TokenModel | undefined> }
  }

  interface Grant {
    addOIDCScope(scope: string): void
    addResourceScope(resource: string, scope: string): void
    save(): Promise<string>
  }

  interface TokenModel {
    readonly isExpired: boolean
    readonly aud?: string | ReadonlyArray<string>
    readonly scope?: string
    readonly accountId?: string
    /** Thumbprint of the key that it is bound to (RFC 9449). */
    readonly jkt?: string
  }
}
