/** The service under which a keyring keeps everything of ours. */
export const service = "mcp-cli-oauth"

/** The backends that are a keyring of the operating system. */
export type KeyringBackend = "keychain" | "windows" | "secretservice"
