import { Schema } from "effect"
import { Advice, Command, Configure } from "../../domain/Remedy.ts"
import { checks } from "../doctor/Finding.ts"

/*
 * What `--json` prints, by command. `docs/json.md` is made from these schemas, and tests check the output of the program
 * against them. Commands import only their types, so no run loads this file.
 *
 * Names are in camel case. Only what other programs define keeps its own names: answers of MCP servers, headers, and the
 * document about the client.
 */

const about = <S extends Schema.Top>(schema: S, description: string) => schema.annotate({ description })

const Time = about(Schema.String, "ISO 8601, in UTC")
const Server = about(Schema.String, "the name in the configuration")
const Account = about(Schema.String, '"default", or the name of --account')
const SecretName = about(Schema.String, "as ${secret:NAME} has it")
const Backend = about(Schema.String, "as in tokenStorage.backend")

const accountFields = { server: Server, account: Account }

const text = about(Schema.String, "the line that a user reads")

const Remedies = Schema.Array(
  Schema.Union([
    Schema.Struct({ ...Command.fields, text }),
    Schema.Struct({ ...Configure.fields, text }),
    Schema.Struct({ ...Advice.fields, text })
  ])
)

const StatusRow = Schema.Struct({
  ...accountFields,
  state: about(
    Schema.Literals(["signed in", "refreshable", "expired", "signed out", "unreadable"]),
    "refreshable: the access token has expired, and the next use renews it without a user"
  ),
  needsSignIn: about(
    Schema.NullOr(Schema.Boolean),
    "a user has to sign in before the next use; the exit code is 3 then; null: unreadable, with exit code 4"
  ),
  renewable: about(
    Schema.NullOr(Schema.Boolean),
    "when the access token expires, the next use renews it without a user; null: unreadable"
  ),
  expiresAt: about(Schema.NullOr(Time), "end of the access token; null: unknown, or without a token"),
  scopes: Schema.Array(Schema.String),
  issuer: about(Schema.NullOr(Schema.String), "the authorization server"),
  resource: about(Schema.NullOr(Schema.String), "the address that the sign-in is for"),
  keptIn: Schema.Struct({ backend: Backend, location: Schema.String }),
  problem: about(Schema.NullOr(Schema.String), "why it cannot be read, or how the last refresh failed")
})

const Count = about(Schema.NullOr(Schema.Int), "null: the provider does not say")
const Tokens = { input: Count, cachedInput: Count, output: Count }
const CallFields = {
  id: Schema.String,
  server: about(Schema.NullOr(Schema.String), "null: the model made the name up"),
  tool: Schema.String,
  arguments: about(Schema.NullOr(Schema.Record(Schema.String, Schema.Unknown)), "null: no JSON object")
}

/** What happens while a model answers, one event a line. */
const AskEvent = Schema.Union([
  about(Schema.Struct({ type: Schema.Literal("text"), text: Schema.String }), "more text of an answer"),
  about(Schema.Struct({ type: Schema.Literal("reasoning"), text: Schema.String }), "what the model thinks"),
  about(Schema.Struct({ type: Schema.Literal("call"), ...CallFields }), "a call starts"),
  Schema.Struct({
    type: Schema.Literal("progress"),
    id: Schema.String,
    progress: Schema.Finite,
    total: Schema.NullOr(Schema.Finite),
    message: Schema.NullOr(Schema.String)
  }),
  about(
    Schema.Struct({
      type: Schema.Literal("result"),
      ...CallFields,
      outcome: Schema.Literals(["done", "failed", "refused", "needs approval", "interrupted"]),
      text: about(Schema.NullOr(Schema.String), "what the model is told"),
      milliseconds: Schema.Int
    }),
    "a call has ended"
  ),
  about(
    Schema.Struct({ type: Schema.Literal("retry"), text: Schema.String, milliseconds: Schema.Int }),
    "the model is asked again after this time"
  ),
  about(Schema.Struct({ type: Schema.Literal("notice"), text: Schema.String }), "what a user should know"),
  about(Schema.Struct({ type: Schema.Literal("tokens"), ...Tokens }), "what one request has used"),
  Schema.Struct({
    type: Schema.Literal("limit"),
    limit: Schema.Literals(["calls", "same-call", "length", "empty-answer", "content-filter"]),
    text: Schema.String
  }),
  about(
    Schema.Struct({
      type: Schema.Literal("end"),
      model: Schema.String,
      answer: about(Schema.String, "the text behind the last call"),
      tokens: about(Schema.Struct(Tokens), "of all requests")
    }),
    "the last line of a question that was answered"
  )
])

const Finding = Schema.Struct({
  check: Schema.Literals([...checks, "configuration"]),
  status: about(Schema.Literals(["ok", "wrong", "note", "skipped"]), "skipped: an earlier check failed"),
  what: Schema.String,
  remedies: Remedies
})

/** What each command prints on stdout with `--json`. */
export const jsonOutputs = {
  models: Schema.Struct({
    providers: Schema.Array(
      Schema.Struct({
        provider: Schema.String,
        address: about(Schema.String, "the base URL of its API"),
        source: about(
          Schema.String,
          "why it is listed: a key, the configuration, or that it runs on this machine"
        ),
        problem: about(Schema.NullOr(Schema.String), "why its models cannot be listed"),
        models: Schema.Array(
          Schema.Struct({
            name: about(Schema.String, "PROVIDER:NAME, as --model takes it"),
            tools: about(Schema.NullOr(Schema.Boolean), "it can call tools; null: the server does not say"),
            images: about(Schema.NullOr(Schema.Boolean), "it can read images; null: the server does not say"),
            contextSize: about(
              Schema.NullOr(Schema.Finite),
              "tokens of a conversation; null: the server does not say"
            ),
            warning: Schema.NullOr(Schema.String)
          })
        )
      })
    )
  }),
  "models key": Schema.Struct({
    provider: Schema.String,
    stored: about(Schema.Boolean, "false: it was removed, or there was none"),
    address: about(Schema.NullOr(Schema.String), "the origin that the key is sent to")
  }),
  "secret set": Schema.Struct({ server: Server, name: SecretName }),
  "secret list": Schema.Array(Schema.Struct({ server: Server, name: SecretName })),
  "secret remove": Schema.Struct({
    server: Server,
    name: SecretName,
    removed: about(Schema.Boolean, "false: there was none")
  }),
  servers: Schema.Struct({
    file: Schema.String,
    servers: Schema.Array(
      Schema.Struct({
        name: Server,
        transport: Schema.Literals(["http", "stdio"]),
        target: about(Schema.String, "the URL or the command line, as the file writes it"),
        authorization: Schema.Literals(["oauth (endpoints by hand)", "oauth (discovered)", "header", "none"])
      })
    )
  }),
  add: Schema.Struct({
    server: Server,
    file: Schema.String,
    result: Schema.Literals(["added", "changed", "replaced", "unchanged"]),
    backup: about(Schema.NullOr(Schema.String), "the file as it was before; null: it was not there")
  }),
  remove: Schema.Struct({
    server: Server,
    file: Schema.String,
    signedOut: about(Schema.Boolean, "its sign-ins were ended, too"),
    backup: Schema.NullOr(Schema.String)
  }),
  "install --client": Schema.Struct({
    server: Server,
    dryRun: about(Schema.Boolean, "nothing was written"),
    command: about(Schema.Array(Schema.String), "the words that the client starts"),
    clients: Schema.Array(
      Schema.Struct({
        client: about(Schema.String, "as in --client"),
        file: Schema.String,
        result: Schema.Literals(["installed", "updated", "replaced", "unchanged"]),
        backup: about(Schema.NullOr(Schema.String), "the file as it was before; null: it was not there"),
        restart: about(Schema.String, "what makes the client read the file again")
      })
    )
  }),
  install: Schema.Struct({
    server: Schema.NullOr(Server),
    clients: Schema.Array(
      Schema.Struct({
        client: about(Schema.String, "as in --client"),
        title: Schema.String,
        present: about(Schema.Boolean, "the client is on this machine"),
        file: Schema.String,
        servers: about(Schema.Array(Schema.String), "those that install has added"),
        problem: about(Schema.NullOr(Schema.String), "why the file cannot be read")
      })
    )
  }),
  uninstall: Schema.Struct({
    server: Server,
    dryRun: Schema.Boolean,
    clients: Schema.Array(
      Schema.Struct({
        client: Schema.String,
        file: Schema.String,
        result: Schema.Literals(["removed", "absent"]),
        entries: about(Schema.Array(Schema.String), "the names of the entries in the file"),
        backup: Schema.NullOr(Schema.String)
      })
    )
  }),
  export: Schema.Struct({
    file: about(Schema.String, "the file that was written; with - the document is printed instead"),
    servers: Schema.Array(Server),
    variables: about(Schema.Array(Schema.String), "the variables that its reader has to set"),
    secrets: about(
      Schema.Array(Schema.Struct({ server: Server, name: SecretName })),
      "the stored secrets that its reader has to set"
    )
  }),
  import: Schema.Struct({
    file: about(Schema.String, "the configuration"),
    backup: about(
      Schema.NullOr(Schema.String),
      "the file as it was before; null: it was not changed, or is new"
    ),
    dryRun: Schema.Boolean,
    servers: Schema.Array(
      Schema.Struct({
        name: about(Schema.String, "in the file of the client"),
        client: Schema.String,
        file: Schema.String,
        result: about(
          Schema.Literals(["added", "present", "skipped"]),
          "present: the configuration has the server already, and its entry stays as it is"
        ),
        as: about(Schema.NullOr(Schema.String), "the name in the configuration"),
        reason: about(Schema.NullOr(Schema.String), "why it was skipped"),
        notes: about(Schema.Array(Schema.String), "what was left out"),
        variables: about(Schema.Array(Schema.String), "the environment variables to set"),
        secrets: about(Schema.Array(Schema.String), "the names of the secrets that --secrets stores")
      })
    ),
    problems: about(Schema.Array(Schema.String), "files that were not read")
  }),
  "import --tokens": Schema.Struct({
    dryRun: Schema.Boolean,
    signIns: Schema.Array(
      Schema.Struct({
        name: about(Schema.String, "what the program calls the server"),
        program: Schema.String,
        server: about(
          Schema.NullOr(Schema.String),
          "the name in the configuration; null: it has no such server"
        ),
        result: about(
          Schema.Literals(["taken", "unchanged", "skipped"]),
          "unchanged: the same tokens are stored here already"
        ),
        refreshToken: about(Schema.Boolean, "the refresh token was taken, too"),
        expiresAt: about(Schema.NullOr(Time), "end of the access token; null: unknown, or not taken"),
        reason: about(Schema.NullOr(Schema.String), "why it was skipped")
      })
    ),
    notes: about(Schema.Array(Schema.String), "what could not be read, and files that other users can read")
  }),
  tools: Schema.Array(
    Schema.Struct({
      name: Schema.String,
      title: Schema.optional(Schema.String),
      description: Schema.optional(Schema.String),
      inputSchema: about(Schema.Record(Schema.String, Schema.Unknown), "the JSON Schema of the arguments")
    })
  ),
  resources: Schema.Array(
    Schema.Struct({
      uri: Schema.String,
      name: Schema.String,
      description: Schema.optional(Schema.String),
      mimeType: Schema.optional(Schema.String)
    })
  ),
  prompts: Schema.Array(
    Schema.Struct({
      name: Schema.String,
      description: Schema.optional(Schema.String),
      arguments: Schema.Array(
        Schema.Struct({
          name: Schema.String,
          description: Schema.optional(Schema.String),
          required: Schema.Boolean
        })
      )
    })
  ),
  call: about(
    Schema.Record(Schema.String, Schema.Unknown),
    "the CallToolResult of MCP, as the server sent it"
  ),
  ping: Schema.Struct({
    server: Schema.Struct({ name: Schema.String, version: Schema.String, protocol: Schema.String }),
    milliseconds: Schema.Int
  }),
  "auth login": Schema.Struct({
    ...accountFields,
    scopes: Schema.Array(Schema.String),
    expiresAt: about(Schema.NullOr(Time), "end of the access token; null: unknown")
  }),
  "auth status": Schema.Array(StatusRow),
  "auth token": Schema.Struct({
    accessToken: Schema.String,
    tokenType: Schema.String,
    expiresAt: about(Schema.NullOr(Time), "null: unknown")
  }),
  "auth token --header": Schema.Struct({ Authorization: Schema.String }),
  "auth headers": about(
    Schema.Record(Schema.String, Schema.String),
    "every header that a request to the server needs, with or without --json"
  ),
  proxy: about(
    Schema.Struct({
      port: about(Schema.NullOr(Schema.Int), "null: a socket"),
      socket: Schema.NullOr(Schema.String),
      servers: Schema.Array(Schema.Struct({ name: Server, url: Schema.String })),
      bearer: about(Schema.NullOr(Schema.String), "the bearer token that was made now; null: none was")
    }),
    "on one line, as soon as it serves HTTP"
  ),
  ask: about(AskEvent, "one JSON object a line, as it happens"),
  "auth doctor": Schema.Struct({
    ...accountFields,
    healthy: about(Schema.Boolean, "nothing is wrong; the exit code is 5 otherwise"),
    findings: Schema.Array(Finding)
  }),
  "auth logout": Schema.Struct({
    ...accountFields,
    revoked: about(Schema.Boolean, "the authorization server revoked the tokens"),
    forgotten: about(Schema.Boolean, "tokens were stored, and are not any more")
  }),
  "auth logout --all": Schema.Array(
    Schema.Struct({
      ...accountFields,
      revoked: about(Schema.Boolean, "the authorization server revoked the tokens"),
      forgotten: about(Schema.Boolean, "tokens were stored, and are not any more"),
      problem: about(Schema.NullOr(Schema.String), "why it is signed in as before; null: it is not"),
      remedies: Remedies
    })
  ),
  "auth reset": Schema.Struct({
    forgotten: about(Schema.Array(Schema.String), "the servers, once for each account"),
    accounts: Schema.Array(Schema.Struct(accountFields))
  }),
  "auth client-metadata": about(
    Schema.Record(Schema.String, Schema.Unknown),
    "the document to publish, with or without --json"
  ),
  storage: Schema.Struct({
    backend: Backend,
    reason: about(Schema.String, "completes the word because"),
    since: about(Schema.NullOr(Time), "when it was chosen; null: each run decides"),
    location: Schema.String,
    kept: about(Schema.NullOr(Schema.Int), "how many sign-ins; null: unknown"),
    secrets: about(Schema.NullOr(Schema.Int), "how many secrets of servers are stored; null: unknown"),
    modelKeys: about(Schema.NullOr(Schema.Int), "how many keys of models are stored; null: unknown"),
    migratingFrom: about(Schema.Array(Schema.String), "backends that an interrupted move has not emptied"),
    copiedTo: about(
      Schema.Array(Schema.String),
      "backends that hold copies because a move to them was not completed"
    ),
    healthy: Schema.Boolean,
    cautions: Schema.Array(Schema.String),
    isNew: about(Schema.Boolean, "it does not exist yet")
  }),
  "storage move": Schema.Struct({
    from: Schema.Array(Schema.String),
    to: Backend,
    moved: Schema.Array(Schema.Struct(accountFields)),
    left: Schema.Array(Schema.Struct({ ...accountFields, problem: Schema.String, remedies: Remedies }))
  }),
  "storage rekey": Schema.Struct({
    resealed: about(Schema.Int, "how many sign-ins have the new password"),
    damaged: about(Schema.Array(Schema.String), "files that neither password opens")
  }),
  trust: Schema.Struct({
    file: Schema.String,
    trusted: Schema.Boolean,
    entries: about(
      Schema.optionalKey(
        Schema.Array(Schema.Struct({ name: Schema.String, actions: Schema.Array(Schema.String) }))
      ),
      "what the configuration does; absent after --revoke"
    )
  })
}

/** The last line of stderr of a command that fails with `--json`. */
export const jsonError = Schema.Struct({
  error: Schema.Struct({
    code: about(Schema.String, "the kind of error, such as SignInRequired or UsageError"),
    message: Schema.String,
    remedies: Remedies
  })
})

/** What a command prints, for `satisfies` in the command. */
export type JsonOutput<Name extends keyof typeof jsonOutputs> = (typeof jsonOutputs)[Name]["Type"]
