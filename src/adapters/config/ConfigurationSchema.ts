import { Schema } from "effect"
import { modelApis } from "../../domain/chat/ModelProvider.ts"
import { clientAuthenticationMethods, grantTypes, signingAlgorithms } from "../../domain/Server.ts"
import { largestAnswerMiB } from "../../domain/ServerRules.ts"
import { storageBackendNames } from "../../ports/StorageBackend.ts"

/** A field that may be absent. */
const field = <S extends Schema.Top>(description: string, schema: S) =>
  Schema.optionalKey(schema.annotate({ description }))

const text = (description: string) => field(description, Schema.String)
const flag = (description: string) => field(description, Schema.Boolean)
const texts = (description: string) => field(description, Schema.Array(Schema.String))
const strings = (description: string) => field(description, Schema.Record(Schema.String, Schema.String))
const oneOf = <const L extends ReadonlyArray<string>>(description: string, values: L) =>
  field(description, Schema.Literals(values))

/** An http or https URL, or a text with a variable, whose value is not known before it is used. */
const Url = Schema.TemplateLiteral([
  Schema.Union([
    Schema.Literal("https://"),
    Schema.Literal("http://"),
    Schema.TemplateLiteral([Schema.String, "${"]),
    Schema.TemplateLiteral([Schema.String, "{env:"])
  ]),
  Schema.String
])
const url = (description: string) => field(description, Url)

const secret = "Write it as ${NAME}, the environment variable that holds it."

const storable = `${secret} Or write \${secret:NAME}, a secret that is stored with the sign-ins.`

const client = {
  client_id: text("The client that is registered at the provider. Absent: mcp-cli registers one."),
  client_secret: text(`The client's secret. Absent: a public client. ${storable}`),
  client_secret_file: text(
    "Path of the file with the secret, instead of client_secret. It is read at each use."
  ),
  private_key: text(`The client signs with this PEM key instead of sending a secret. ${secret}`),
  private_key_file: text("Path of the PEM key that the client signs with."),
  private_key_id: text("The kid of the key at the provider."),
  signing_algorithm: oneOf("Default: the algorithm of the key; RS256 for an RSA key.", signingAlgorithms)
}

const IdentityProvider = Schema.Struct({
  token_url: Url.annotate({ description: "Token endpoint of the identity provider." }),
  ...client,
  client_secret: text(`The client's secret. Absent: a public client. ${secret}`),
  subject_token: text(`The token of your sign-in at the identity provider. ${secret}`),
  subject_token_file: text("Path of the file with that token. It is read at each use."),
  subject_token_type: oneOf("What the token is. Default: id_token.", ["id_token", "saml2"])
})

const OAuth = Schema.Struct({
  authorization_url: url(
    "Authorization endpoint. Absent, with token_url: discovered from the URL of the server."
  ),
  token_url: url("Token endpoint. It needs client_id or registration_url."),
  registration_url: url("Registers a client there (RFC 7591), for configured endpoints without client_id."),
  revocation_url: url("Where sign-outs revoke tokens (RFC 7009), for configured endpoints."),
  pushed_authorization_request_url: url(
    "Where every authorization request is pushed (RFC 9126), for configured endpoints."
  ),
  device_authorization_url: url("Where device codes are requested (RFC 8628), for configured endpoints."),
  grant_type: oneOf(
    "How to sign in. Default: in the browser, or what the server offers.",
    Object.values(grantTypes)
  ),
  assertion: text(`The JWT that the jwt_bearer grant sends. ${secret}`),
  assertion_file: text("Path of the file with that JWT. It is read at each use."),
  identity_provider: field(
    "The company's identity provider, for the enterprise_managed grant.",
    IdentityProvider
  ),
  ...client,
  dpop: flag("Bind tokens to a key of this machine (RFC 9449). Default: if the server requires it."),
  scopes: texts("The scopes to request. []: none. Absent: those of the server."),
  redirect_uri: field(
    "Default: http://localhost:8080/callback. Without a port: any free port.",
    Schema.TemplateLiteral([
      Schema.Union([Schema.Literal("http://"), Schema.TemplateLiteral([Schema.String, "${"])]),
      Schema.String
    ])
  ),
  use_pkce: flag("Default: true (S256)."),
  assume_pkce: flag("Use PKCE although the metadata does not announce S256."),
  send_resource: flag("Send the resource parameter (RFC 8707). Default: yes, for discovered endpoints."),
  provider_quirks: flag("Default: true. false: ignore what is known about single providers."),
  issuer: url("The only authorization server that is accepted."),
  client_metadata_url: url("Where you publish the client metadata document of this client."),
  allow_private_addresses: flag("Let a server on the internet point to addresses of a private network."),
  extra_auth_params: strings("More parameters of the authorization request."),
  token_endpoint_auth_method: oneOf(
    "How the client authenticates. Default: what the server supports.",
    clientAuthenticationMethods
  )
})

const maxAnswerMiB = field(
  "Maximum of one answer in MiB, after decompression. Default: 64.",
  Schema.Int.check(Schema.isBetween({ minimum: 1, maximum: largestAnswerMiB }))
)

const toolRules = {
  trust: flag(
    "Believe what the server says about its tools: in a chat, those that only read run without a question."
  ),
  tools: field(
    "What a model may do in a chat. Names of tools; * stands for any part.",
    Schema.Struct({
      allow: texts("Tools that run without a question."),
      deny: texts("Tools that the model is not told about.")
    })
  )
}

const HttpServer = Schema.Struct({
  url: Url.annotate({ description: "https, or http on this machine." }),
  type: oneOf("sse: the server supports only the older transport. Default: detected.", [
    "http",
    "streamable-http",
    "sse",
    "streamableHttp",
    "streamable_http",
    "http-stream"
  ]),
  headers: strings(`Sent with every request. An Authorization header replaces the sign-in. ${storable}`),
  oauth: field("How to sign in, where the defaults do not fit.", OAuth),
  allow_http: flag("Allow http in a private network. Others there can read and change what is sent."),
  maxAnswerMiB,
  ...toolRules
}).annotate({ description: "A server over HTTP." })

const StdioServer = Schema.Struct({
  command: Schema.String.annotate({
    description: "The program to start. It speaks MCP over stdin and stdout."
  }),
  type: oneOf("Default: stdio.", ["stdio"]),
  args: texts("Its arguments."),
  env: strings(`Its environment variables. It inherits a few, such as PATH. ${storable}`),
  cwd: text("Its working directory."),
  maxAnswerMiB,
  ...toolRules
}).annotate({ description: "A program on this machine." })

const VaultAuth = Schema.Struct({
  method: Schema.Literals(["token", "approle", "kubernetes", "jwt"]).annotate({
    description: "How to authenticate to Vault."
  }),
  mount: text("Where the method is mounted. Default: its name."),
  roleId: text("For approle."),
  secretId: text(`For approle. Absent: the role has no secret IDs. ${secret}`),
  role: text("For kubernetes and jwt."),
  jwt: text(`For kubernetes and jwt: the token itself. ${secret}`),
  jwtFile: text("For kubernetes and jwt: the path of the token. Default: the one of the pod.")
})

const TokenStorage = Schema.Struct({
  backend: oneOf("Where sign-ins are stored. Default: auto, the best of this machine.", [
    "auto",
    ...storageBackendNames
  ]),
  password: text(
    `The password of the encrypted files. Default: MCP_CLI_ENCRYPTION_KEY, or the file of MCP_CLI_ENCRYPTION_KEY_FILE. ${secret}`
  ),
  vaultUrl: field(
    "Address of Vault or OpenBao; several of one cluster with commas between. Default: VAULT_ADDR.",
    Url
  ),
  vaultToken: text(`Default: VAULT_TOKEN, then the token file. ${secret}`),
  vaultTokenFile: text("Default: ~/.vault-token"),
  vaultMountPoint: text("Mount of the key-value engine. Default: secret."),
  vaultPathPrefix: text("Path within the mount. Default: mcp-cli/oauth."),
  vaultNamespace: text("Default: VAULT_NAMESPACE."),
  vaultKvVersion: field(
    "Version of the key-value engine. Default: read from the mount.",
    Schema.Literals([1, 2])
  ),
  vaultCaCert: text("Path of the certificates to trust. Default: VAULT_CACERT."),
  vaultClientCert: text("Path of the client certificate. Default: VAULT_CLIENT_CERT."),
  vaultClientKey: text("Path of its key. Default: VAULT_CLIENT_KEY."),
  vaultSkipVerify: flag("Accept any certificate. Others in the network can read your tokens then."),
  vaultAuth: field("How to authenticate, if not with a token.", VaultAuth)
})

const Price = Schema.Struct({
  input: Schema.Finite.annotate({ description: "Of a million input tokens." }),
  output: Schema.Finite.annotate({ description: "Of a million output tokens." }),
  cached_input: field("Of a million input tokens from a cache. Default: as input.", Schema.Finite),
  currency: text("Default: USD.")
})

const Model = Schema.Struct({
  context_size: field("Tokens of a conversation. Default: what the server says.", Schema.Int),
  tools: flag("The model can call tools. Default: what the server says."),
  images: flag("The model can read images. Default: what the server says."),
  price: field("What tokens cost. Absent: no money is shown.", Price)
})

const Provider = Schema.Struct({
  type: oneOf("The API. Default: that of the known provider of this name, else chat_completions.", modelApis),
  base_url: url("Where requests go. Default: the address of the known provider of this name."),
  api_key: text(
    `Default: the variable of the provider, such as OPENAI_API_KEY, or the stored key. ${secret}`
  ),
  headers: strings(`Sent with every request. ${secret}`),
  allow_http: flag("Allow http in a private network, without a key. Others there can read what is sent."),
  models: field(
    "What is known about single models, by their names.",
    Schema.Record(Schema.String, Model.annotate({ description: "A model of the provider." }))
  )
}).annotate({ description: "A provider of models." })

const Models = Schema.Struct({
  default: text("The model of a chat, as provider:name. Default: what is found."),
  timeout_seconds: field("How long a model may be silent. Default: 300.", Schema.Int),
  providers: field(
    "Where models are, by the names of their providers.",
    Schema.Record(Schema.String, Provider)
  )
})

/**
 * `server_config.json` as editors check it. What reads the file has the rules between fields as well, and messages; this has
 * the fields, their types and what they mean. A test compares the two.
 */
export const ConfigurationSchema = Schema.Struct({
  $schema: text("Where this schema is."),
  mcpServers: Schema.Record(Schema.String, Schema.Union([HttpServer, StdioServer])).annotate({
    description: "The servers, by the names that you use for them."
  }),
  models: field("The language models of a chat.", Models),
  history: flag("Keep conversations with a model, so that they can go on later. Default: false."),
  tokenStorage: field("Where sign-ins are stored. Absent: the best place of this machine.", TokenStorage)
}).annotate({ title: "Configuration of mcp-cli", description: "server_config.json of mcp-cli." })

/** The JSON Schema of `server_config.json` (draft 2020-12). */
export const configurationJsonSchema = (id: string) => {
  const { definitions, schema } = Schema.toJsonSchemaDocument(ConfigurationSchema, {
    onExcessProperty: "error"
  })
  return {
    $schema: "https://json-schema.org/draft/2020-12/schema",
    $id: id,
    // Editors accept comments and commas at the end as mcp-cli does.
    allowComments: true,
    allowTrailingCommas: true,
    ...schema,
    ...(Object.keys(definitions).length === 0 ? {} : { $defs: definitions })
  }
}
