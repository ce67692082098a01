/** Takes the developer's own settings out of the environment, so that the tests see only what they set themselves. */
for (const name of Object.keys(process.env)) {
  if (/^(MCP_CLI_|VAULT_|BROWSER$|NO_COLOR$|FORCE_COLOR$|(https?|all|no)_proxy$)/i.test(name)) {
    delete process.env[name]
  }
}
