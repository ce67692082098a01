/** Command lines that vendors publish for `mcp-remote`, and what each means here. Hosts in angle brackets are filled in. */
export const vendorLines: ReadonlyArray<{
  readonly vendor: string
  readonly source: string
  readonly command?: string
  readonly args: ReadonlyArray<string>
  readonly entry: Readonly<Record<string, unknown>>
  readonly files?: Readonly<Record<string, string>>
  readonly options?: Readonly<Record<string, unknown>>
  readonly notices?: ReadonlyArray<string>
}> = [
  {
    vendor: "Square",
    source: "square/square-mcp-server README.md",
    args: ["mcp-remote", "https://mcp.squareup.com/sse"],
    entry: { url: "https://mcp.squareup.com/sse" }
  },
  {
    vendor: "Cloudflare",
    source: "cloudflare/mcp-server-cloudflare apps/radar/README.md",
    args: ["mcp-remote", "https://radar.mcp.cloudflare.com/mcp"],
    entry: { url: "https://radar.mcp.cloudflare.com/mcp" }
  },
  {
    vendor: "Wix, with its fork",
    source: "wix/wix-mcp README.md",
    args: ["-y", "@wix/mcp-remote", "https://mcp.wix.com/sse"],
    entry: { url: "https://mcp.wix.com/sse" }
  },
  {
    vendor: "Todoist",
    source: "Doist/todoist-ai docs/mcp-server.md",
    args: ["mcp-remote", "http://localhost:3000/mcp"],
    entry: { url: "http://localhost:3000/mcp" }
  },
  {
    vendor: "InvenTree",
    source: "inventree/inventree-mcp README.md",
    args: [
      "mcp-remote",
      "https://inventree.example.com/plugin/inventree-mcp/mcp/",
      "--header",
      "Authorization: Token <your-api-token>"
    ],
    entry: {
      url: "https://inventree.example.com/plugin/inventree-mcp/mcp/",
      headers: { Authorization: "Token <your-api-token>" }
    }
  },
  {
    vendor: "GitLab",
    source: "gitlab.com/gitlab-org/gitlab issue 570482, and its documentation",
    args: [
      "-y",
      "mcp-remote",
      "https://gitlab.example.com/api/v4/mcp",
      "--static-oauth-client-metadata",
      '{"scope": "mcp"}'
    ],
    entry: { url: "https://gitlab.example.com/api/v4/mcp", oauth: { scopes: ["mcp"] } }
  },
  {
    vendor: "Webex",
    source: "developer.webex.com/mcp/docs/webex-agentic-mcp-servers-vscode, method 2",
    args: [
      "mcp-remote",
      "https://mcp.webexapis.com/mcp/webex-suite",
      "3334",
      "--static-oauth-client-info",
      '{"client_id":"YOUR_CLIENT_ID","client_secret":"YOUR_CLIENT_SECRET"}'
    ],
    entry: {
      url: "https://mcp.webexapis.com/mcp/webex-suite",
      oauth: {
        client_id: "YOUR_CLIENT_ID",
        client_secret: "YOUR_CLIENT_SECRET",
        redirect_uri: "http://localhost:3334/oauth/callback"
      }
    }
  },
  {
    vendor: "Stripo",
    source: "the Codex section of Stripo's README for its MCP server",
    args: [
      "-y",
      "mcp-remote@0.14.3",
      "https://mcp.stripo.email/mcp",
      "3334",
      "--static-oauth-client-info",
      '{"client_id":"CLIENT_ID"}',
      "--static-oauth-client-metadata",
      '{"scope":"mcp:tools offline_access"}'
    ],
    entry: {
      url: "https://mcp.stripo.email/mcp",
      oauth: {
        client_id: "CLIENT_ID",
        scopes: ["mcp:tools", "offline_access"],
        redirect_uri: "http://localhost:3334/oauth/callback"
      }
    }
  },
  {
    vendor: "SAP",
    source: "the MCP guide of developers.sap.com",
    args: [
      "-y",
      "mcp-remote",
      "https://developers.sap.com/mcp-auth/api",
      "--static-oauth-client-info",
      '{"client_id":"sb-tutorials-prod!t676072"}',
      "--host",
      "localhost"
    ],
    entry: {
      url: "https://developers.sap.com/mcp-auth/api",
      oauth: {
        client_id: "sb-tutorials-prod!t676072",
        redirect_uri: "http://localhost:8080/oauth/callback"
      }
    },
    notices: [
      "the word names no callback port, so that the browser comes back to port 8080: write the registered port after the URL"
    ]
  },
  {
    vendor: "openHAB",
    source: "the README of the MCP add-on of openhab/openhab-addons",
    args: [
      "mcp-remote@latest",
      "http://openhab.local:8080/mcp",
      "--allow-http",
      "--header",
      "Authorization: Bearer oh.YOUR_TOKEN"
    ],
    entry: {
      url: "http://openhab.local:8080/mcp",
      headers: { Authorization: "Bearer oh.YOUR_TOKEN" },
      allow_http: true
    }
  },
  {
    vendor: "NocoDB",
    source: "the configuration that NocoDB shows under Settings, Model Context Protocol",
    args: [
      "mcp-remote",
      "https://app.nocodb.com/mcp/your-base-id",
      "--header",
      "xc-mcp-token: your-token-here"
    ],
    entry: {
      url: "https://app.nocodb.com/mcp/your-base-id",
      headers: { "xc-mcp-token": "your-token-here" }
    }
  },
  {
    vendor: "Atlassian, two tenants",
    source: "punkpeye/mcp-remote README.md, Multiple Instances",
    args: ["mcp-remote", "https://mcp.atlassian.com/v1/sse", "--resource", "https://tenant1.atlassian.net/"],
    entry: {
      url: "https://mcp.atlassian.com/v1/sse",
      oauth: { extra_auth_params: { resource: "https://tenant1.atlassian.net/" } }
    }
  },
  {
    vendor: "a UCP shop, with everything in files",
    source: "the Claude Desktop page of a UCP storefront's documentation",
    args: [
      "mcp-remote",
      "https://shop.example.com/ucp/mcp",
      "8766",
      "--host",
      "localhost",
      "--transport",
      "http-only",
      "--static-oauth-client-info",
      "@C:\\ucp\\client-info.json",
      "--static-oauth-client-metadata",
      "@C:\\ucp\\client-metadata.json",
      "--resource",
      "https://shop.example.com/ucp/mcp",
      "--authorize-param",
      "prompt=login",
      "--auth-timeout",
      "600"
    ],
    files: {
      "C:\\ucp\\client-info.json": '{"client_id":"ucp","token_endpoint_auth_method":"none"}',
      "C:\\ucp\\client-metadata.json": '{"scope":"openid cart"}'
    },
    entry: {
      url: "https://shop.example.com/ucp/mcp",
      oauth: {
        client_id: "ucp",
        scopes: ["openid", "cart"],
        token_endpoint_auth_method: "none",
        extra_auth_params: { prompt: "login" },
        redirect_uri: "http://localhost:8766/oauth/callback"
      }
    },
    options: { ignoredTools: [], authTimeoutSeconds: 600, transport: "http-only" }
  },
  {
    vendor: "Autodesk Fusion, on Windows",
    source: "the README of a TextToModel add-in",
    command: "cmd",
    args: ["/c", "npx", "-y", "mcp-remote", "http://127.0.0.1:13405/sse"],
    entry: { url: "http://127.0.0.1:13405/sse" }
  },
  {
    vendor: "GoLive",
    source: "golivemcp.com, for clients with stdio only",
    args: ["-y", "mcp-remote", "https://golivemcp.com/mcp", "--header", "x-api-key:${GOLIVE_API_KEY}"],
    entry: { url: "https://golivemcp.com/mcp", headers: { "x-api-key": "${GOLIVE_API_KEY}" } }
  }
]
