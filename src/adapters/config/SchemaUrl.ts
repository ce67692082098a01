/** Where editors find the JSON Schema of the configuration: the one in the package, of any version with the same fields. */
export const schemaUrl = "https://unpkg.com/mcp-cli-oauth@0/server_config.schema.json"
