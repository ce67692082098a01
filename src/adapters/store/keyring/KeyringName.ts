/** The service name of all our keyring entries. */
export const service = "mcp-cli-oauth"

/** The backends that are a keyring of an operating system. */
export type KeyringBackend = "keychain" | "windows" | "secretservice"
