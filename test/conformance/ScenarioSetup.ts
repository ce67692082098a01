import { Option, Schema } from "effect"

// What the official suite tells the client that it starts: the scenario, its context, and as the last argument the server's URL.

/** The URL of the server. */
export const url = process.argv.at(-1) ?? ""

/** The name of the scenario. */
export const scenario = process.env["MCP_CONFORMANCE_SCENARIO"] ?? ""

const Context = Schema.fromJsonString(
  Schema.Struct({
    client_id: Schema.optionalKey(Schema.String),
    client_secret: Schema.optionalKey(Schema.String),
    private_key_pem: Schema.optionalKey(Schema.String),
    signing_algorithm: Schema.optionalKey(Schema.String),
    valid_jwt: Schema.optionalKey(Schema.String),
    idp_client_id: Schema.optionalKey(Schema.String),
    idp_id_token: Schema.optionalKey(Schema.String),
    idp_token_endpoint: Schema.optionalKey(Schema.String),
    toolCalls: Schema.optionalKey(
      Schema.Array(
        Schema.Struct({ name: Schema.String, arguments: Schema.Record(Schema.String, Schema.Json) })
      )
    )
  })
)
const context = Option.getOrElse(
  Schema.decodeUnknownOption(Context)(process.env["MCP_CONFORMANCE_CONTEXT"]),
  () => ({}) as typeof Context.Type
)

/** What a user would write into the configuration for each scenario, besides the client that it names. */
const byScenario: Readonly<Record<string, Readonly<Record<string, unknown>>>> = {
  "auth/basic-cimd": { client_metadata_url: "https://conformance-test.local/client-metadata.json" },
  "auth/client-credentials-basic": { grant_type: "client_credentials" },
  "auth/client-credentials-jwt": {
    grant_type: "client_credentials",
    private_key: context.private_key_pem,
    signing_algorithm: context.signing_algorithm
  },
  "auth/wif-jwt-bearer": { grant_type: "jwt_bearer", assertion: context.valid_jwt },
  "auth/enterprise-managed-authorization": {
    grant_type: "enterprise_managed",
    identity_provider: {
      token_url: context.idp_token_endpoint,
      client_id: context.idp_client_id,
      subject_token: context.idp_id_token
    }
  }
}

// The suite runs many clients at once, and some of them are known by their redirect URI: each has its own port, below those
// that the system gives to the suite's servers.
const port = 20_000 + (process.pid % 12_000)

/** The configuration of the server. */
export const configuration = {
  mcpServers: {
    server: {
      url,
      oauth: {
        client_id: context.client_id,
        client_secret: context.client_secret,
        redirect_uri: `http://localhost:${port}/callback`,
        ...byScenario[scenario]
      }
    }
  }
}

/** What each tool is called with, where it takes anything. */
export const argumentsOf = (name: string): Readonly<Record<string, Schema.Json>> =>
  context.toolCalls?.find((call) => call.name === name)?.arguments ??
  (name === "add_numbers" ? { a: 5, b: 3 } : {})
