import { writeFile } from "node:fs/promises"
import { configurationJsonSchema } from "../src/adapters/config/ConfigurationSchema.ts"
import { schemaUrl } from "../src/adapters/config/SchemaUrl.ts"

/** Writes the JSON Schema of the configuration, which the package contains. A test fails if it is not the current one. */
await writeFile(
  "server_config.schema.json",
  `${JSON.stringify(configurationJsonSchema(schemaUrl), undefined, 2)}\n`
)
