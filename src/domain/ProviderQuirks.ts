import type { ClientAuthenticationMethod } from "./Server.ts"

/** A fact about a provider, and its source. */
interface Sourced<A> {
  readonly value: A
  readonly source: string
}

/** How a provider differs from the specifications, or what it requires of the user. */
export interface ProviderQuirks {
  readonly name: string
  /** Hosts of its authorization server. A leading dot stands for every host below. */
  readonly hosts: ReadonlyArray<string>
  /** Added to the authorization request, unless the configuration sets the same parameter. */
  readonly extraAuthParams?: Sourced<Readonly<Record<string, string>>>
  /** It refuses requests with `resource` (RFC 8707), so none is sent unless `send_resource` is true. */
  readonly refusesResource?: Sourced<true>
  /** It supports PKCE with S256 and does not announce it. `"assume_pkce": false` requires that it does. */
  readonly silentOnPkce?: Sourced<true>
  /** How it accepts the secret of a client, unless `token_endpoint_auth_method` is set. */
  readonly tokenEndpointAuthMethod?: Sourced<ClientAuthenticationMethod>
  /** Revoking one refresh token revokes every token that the user gave the client, newer sign-ins included. */
  readonly revokesAllOfUser?: Sourced<true>
  /** Where a user registers a client: it has no dynamic registration. */
  readonly registerAt?: Sourced<string>
  /** What a user may have to configure, as sentences. */
  readonly hints?: ReadonlyArray<Sourced<string>>
}

/** Every provider with known quirks. */
export const providers: ReadonlyArray<ProviderQuirks> = [
  {
    name: "Notion",
    hosts: ["api.notion.com"],
    tokenEndpointAuthMethod: {
      value: "client_secret_basic",
      source: "https://developers.notion.com/guides/get-started/authorization"
    },
    hints: [
      {
        value:
          "Each refresh returns a new refresh token and revokes the old one: do not copy the tokens to another program, let it ask mcp-cli",
        source: "https://nango.dev/blog/notion-oauth-refresh-token-invalid-grant"
      }
    ]
  },
  {
    name: "GitHub",
    hosts: ["github.com"],
    registerAt: {
      value: "https://github.com/settings/developers",
      source: "https://github.com/github/github-mcp-server/issues/2532"
    }
  },
  {
    name: "Google",
    hosts: ["accounts.google.com", "oauth2.googleapis.com"],
    extraAuthParams: {
      value: { access_type: "offline", prompt: "consent" },
      source: "https://developers.google.com/identity/protocols/OAuth2WebServer"
    },
    revokesAllOfUser: {
      value: true,
      source: "https://developers.google.com/identity/protocols/oauth2/web-server#tokenrevoke"
    },
    registerAt: {
      value: "https://console.cloud.google.com/auth/clients",
      source: "https://developers.google.com/identity/protocols/OAuth2WebServer"
    }
  },
  {
    name: "Auth0",
    hosts: [".auth0.com"],
    // Tenants from before 2021 have this behavior unless they turned it off.
    revokesAllOfUser: {
      value: true,
      source: "https://auth0.com/docs/secure/tokens/refresh-tokens/revoke-refresh-tokens"
    },
    hints: [
      {
        value:
          'If tokens are refused, set "extra_auth_params": { "audience": "..." } to the identifier of the API, or enable the Resource Parameter Compatibility Profile of the tenant',
        source: "https://auth0.com/ai/docs/mcp/guides/resource-param-compatibility-profile"
      }
    ]
  },
  {
    name: "Microsoft Entra",
    hosts: ["login.microsoftonline.com", "login.microsoftonline.us"],
    refusesResource: { value: true, source: "https://github.com/anthropics/claude-code/issues/73460" },
    silentOnPkce: {
      value: true,
      source: "https://github.com/modelcontextprotocol/typescript-sdk/issues/832"
    },
    registerAt: {
      value: "https://entra.microsoft.com",
      source: "https://github.com/modelcontextprotocol/modelcontextprotocol/issues/1614"
    }
  },
  {
    name: "Amazon Cognito",
    hosts: [".amazoncognito.com"],
    silentOnPkce: { value: true, source: "https://github.com/anthropics/claude-code/issues/13275" }
  },
  {
    name: "Slack",
    hosts: ["slack.com"],
    registerAt: {
      value: "https://api.slack.com/apps",
      source: "https://github.com/UsefulSoftwareCo/executor/pull/1356"
    },
    hints: [
      {
        value: 'The app must have the exact "redirect_uri" registered, with localhost and the port',
        source: "https://github.com/openai/codex/issues/13200"
      }
    ]
  },
  {
    name: "Atlassian",
    hosts: ["mcp.atlassian.com", ".mcp.atlassian.com", "auth.atlassian.com", "id.atlassian.com"],
    hints: [
      {
        value:
          'If an organization allows only listed addresses, set "redirect_uri": "http://127.0.0.1:8080/callback"',
        source: "https://github.com/anthropics/claude-code/issues/82096"
      }
    ]
  },
  {
    name: "Asana",
    hosts: ["mcp.asana.com", "app.asana.com"],
    registerAt: {
      value: "https://app.asana.com/0/my-apps (an app of the type MCP, which has a secret)",
      source: "https://developers.asana.com/docs/integrating-with-asanas-mcp-server"
    }
  }
]

const isOf = (hostname: string, host: string): boolean =>
  host.startsWith(".") ? hostname.endsWith(host) : hostname === host

/**
 * The provider of an authorization server, by the hosts of its authorization and token endpoints. Names that a server can
 * choose freely do not count. `refusesResource` and `silentOnPkce` weaken the protocol, so they apply only if all endpoints
 * belong to the provider: any server can name one of them beside an endpoint of its own.
 */
export const providerOf = (...endpoints: ReadonlyArray<URL | undefined>): ProviderQuirks | undefined => {
  const hostnames = endpoints.flatMap((endpoint) => endpoint?.hostname ?? [])
  const isAt = ({ hosts }: ProviderQuirks, hostname: string) => hosts.some((host) => isOf(hostname, host))
  const provider = providers.find((candidate) => hostnames.some((hostname) => isAt(candidate, hostname)))
  if (provider === undefined || hostnames.every((hostname) => isAt(provider, hostname))) return provider
  const { refusesResource: _, silentOnPkce: _pkce, ...harmless } = provider
  return harmless
}

/** Keycloak is self-hosted, so it is known by the path of its token endpoint and not by a host. */
const keycloakTokenPath = /\/realms\/[^/]+\/protocol\/openid-connect\/token$/

/**
 * True if revoking one refresh token revokes every token that the user gave the client, newer sign-ins included. Known
 * providers only; a Keycloak server drops all of the user's sessions with the client (`TokenRevocationEndpoint.revokeClient`).
 */
export const revokesAllOfUser = (tokenEndpoint: URL): boolean =>
  providerOf(tokenEndpoint)?.revokesAllOfUser !== undefined || keycloakTokenPath.test(tokenEndpoint.pathname)
