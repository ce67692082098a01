import { Schema } from "effect"
import { jsonError, jsonOutputs } from "../src/app/cli/JsonOutput.ts"

/** A schema as JSON Schema. Integers have no bounds of JavaScript, which tell a reader nothing. */
const jsonSchemaOf = (schema: Schema.Top): string => {
  const { definitions, schema: root } = Schema.toJsonSchemaDocument(schema)
  const document = {
    $schema: "https://json-schema.org/draft/2020-12/schema",
    ...root,
    ...(Object.keys(definitions).length === 0 ? {} : { $defs: definitions })
  }
  return JSON.stringify(
    document,
    (name, value: unknown) => (/^(min|max)imum$/.test(name) ? undefined : value),
    2
  )
}

const block = (schema: Schema.Top): string => `\`\`\`json\n${jsonSchemaOf(schema)}\n\`\`\``

const section = ([name, schema]: readonly [string, Schema.Top]): string =>
  `## \`mcp-cli ${name} --json\`\n\n${block(schema)}\n`

const introduction = `# JSON output

\`--json\` prints the result of a command on stdout, and an error as one line of JSON, the last one of stderr. That is true of
errors of the command line, too. Warnings of the configuration are left out. The [exit code](commands.md#exit-codes) is the same
with and without \`--json\`.

Names are in camel case. What others define keeps its own names: results of tools, headers, the client metadata document. A time is
ISO 8601 in UTC. A value that is not known is \`null\`. Later versions may add names and values, and remove none without a new major
version.

A list is an array, and \`call\` prints the result of MCP as the server sent it: \`mcp-cli tools notion --json | jq -r '.[].name'\` prints the
names of the tools, and \`mcp-cli call notion search query=roadmap --json | jq -r '.content[].text'\` the texts of an answer.

This page is made from \`src/app/cli/JsonOutput.ts\` by \`node scripts/json-document.ts\`; tests check it, and the output of every
command, against those schemas.
`

/** The text of `docs/json.md`. */
export const jsonDocument = (): string =>
  [introduction, `## Errors\n\n${block(jsonError)}\n`, ...Object.entries(jsonOutputs).map(section)].join("\n")
