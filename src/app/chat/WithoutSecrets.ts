import { Option, Redacted, Schema } from "effect"
import type { Credential } from "../../domain/Credential.ts"
import { CredentialKey } from "../../domain/CredentialKey.ts"
import { publicSchemes, redactor, secretsInHeader } from "../../domain/Redaction.ts"
import { withoutSecretShapes } from "../../domain/SecretShape.ts"
import type { Credentials } from "../credentials/Credentials.ts"
import type { ChatServer } from "./Chat.ts"

/** Leaves secrets out of a text for a model. */
export type WithoutSecrets = (text: string) => string

const decodeKey = Schema.decodeUnknownOption(Schema.fromJsonString(Schema.Struct({ d: Schema.String })))

/** The secrets of a sign-in: its tokens, their private key, and what its client authenticates with. */
const secretsOf = ({ registration, tokens }: Credential): ReadonlyArray<string> => {
  const key = tokens?.dpopKey
  const client =
    registration._tag === "Dynamic" ? [registration.clientSecret, registration.management?.accessToken] : []
  return [
    ...[tokens?.accessToken, tokens?.refreshToken, key, ...client].flatMap((secret) =>
      secret === undefined ? [] : [Redacted.value(secret)]
    ),
    ...(key === undefined ? [] : Option.toArray(Option.map(decodeKey(Redacted.value(key)), ({ d }) => d)))
  ]
}

/**
 * Makes what leaves the secrets of a conversation out of the texts for its model: those of the entries of all servers, of their
 * sign-ins as far as this process has used them, of the model, and what has the shape of a secret.
 *
 * A secret that was used stays one: a token that was renewed may still be valid.
 *
 * @returns what leaves out those that are known now; the same as long as no other one is
 * @param options.lastRead the sign-in that this process has read last. Absent: there are none
 * @param options.ofModel the secrets of the current model
 */
export const makeWithoutSecrets = (options: {
  readonly servers: ReadonlyArray<Pick<ChatServer, "account" | "entry" | "secrets">>
  readonly lastRead: Credentials["Service"]["lastRead"] | undefined
  readonly ofModel: () => ReadonlyArray<Redacted.Redacted>
}): (() => WithoutSecrets) => {
  const { lastRead, ofModel, servers } = options
  const known = new Set<string>()
  const add = (secret: Redacted.Redacted) => {
    const value = Redacted.value(secret)
    const isHeader = publicSchemes.has(/^\S+(?=\s)/.exec(value)?.[0].toLowerCase() ?? "")
    for (const one of isHeader ? secretsInHeader(value) : [value]) known.add(one)
  }
  for (const { secrets = [] } of servers) secrets.forEach(add)
  let isMadeFor = -1
  let withoutSecrets: WithoutSecrets = withoutSecretShapes
  return () => {
    ofModel().forEach(add)
    for (const { account, entry } of servers) {
      if (entry === undefined || lastRead === undefined) continue
      const used = Option.toArray(lastRead(entry, CredentialKey.at(entry, account)))
      for (const secret of used.flatMap(secretsOf)) known.add(secret)
    }
    if (known.size !== isMadeFor) {
      const redacted = redactor(known)
      withoutSecrets = (text) => withoutSecretShapes(redacted(text))
      isMadeFor = known.size
    }
    return withoutSecrets
  }
}
