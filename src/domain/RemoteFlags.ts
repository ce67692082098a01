/** The flags of mcp-remote 0.15.1 that take a value, and those that take none; without dashes. */
export const remoteFlags = {
  withoutValue: [
    "allow-http",
    "client-credentials",
    "debug",
    "device-code",
    "disable-cookies",
    "disable-resource-parameter",
    "enable-proxy",
    "ipv4",
    "keep-alive",
    "silent",
    "use-id-token"
  ],
  withValue: [
    "auth-success-url",
    "auth-timeout",
    "authorize-param",
    "body-timeout",
    "callback-path",
    "client-metadata-url",
    "connect-timeout",
    "header",
    "header-file",
    "headers-timeout",
    "host",
    "ignore-tool",
    "ping-interval",
    "protocol",
    "resource",
    "static-oauth-client-info",
    "static-oauth-client-metadata",
    "token-endpoint",
    "transport"
  ]
} as const
