import { Redacted } from "effect"
import { secretsInHeader } from "../../domain/Redaction.ts"
import { defaultToolRules } from "../../domain/chat/ToolRules.ts"
import {
  announcesSecret,
  decodedPart,
  hasSecretShape,
  isSecretName,
  mayBeSecret,
  mayBeSecretPart,
  namedSecretAt
} from "../../domain/SecretShape.ts"
import { configuredClientOf, type RemoteServer, type SecretSource, type Server } from "../../domain/Server.ts"
import type { OpenSession } from "../session/ServerSession.ts"
import type { ChatServer, ListedTools } from "./Chat.ts"

/** The headers or variables of an entry that are secrets. Others, such as a folder, may be what a tool is about. */
const named = (values: Readonly<Record<string, Redacted.Redacted>>): ReadonlyArray<Redacted.Redacted> =>
  Object.entries(values).flatMap(([name, value]) =>
    isSecretName(name) || hasSecretShape(Redacted.value(value)) ? [value] : []
  )

/** The value of a header, its words, and the values in it: `Token x`, `sid=x; theme=y`, `Token token="x"`. */
const words = (value: Redacted.Redacted): ReadonlyArray<Redacted.Redacted> => {
  const header = Redacted.value(value)
  const values = Array.from(header.matchAll(/(?<==)"?([^\s";,]+)/g), ([, one = ""]) => one)
  return [...secretsInHeader(header), ...values].map((word) => Redacted.make(word))
}

/** An id such as a UUID in the address may be what results are about. */
const uuid = /^[0-9a-f]{8}(?:-[0-9a-f]{4}){3}-[0-9a-f]{12}$/i

/** The parts of an address that are secrets: some servers put the user's key into the path. */
const inAddress = ({ password, pathname, searchParams, username }: URL): ReadonlyArray<string> => [
  // Where both are the same, as in `postgres:postgres@`, neither is a secret.
  ...(password === username ? [] : [password, decodedPart(password)]),
  ...pathname
    .split("/")
    .flatMap((part, at, parts) =>
      !uuid.test(part) && mayBeSecretPart(part, parts[at - 1]) ? [part, decodedPart(part)] : []
    ),
  ...Array.from(searchParams).flatMap(([name, value]) =>
    isSecretName(name) || (!uuid.test(value) && mayBeSecret(value)) ? [value] : []
  )
]

/** The secrets in an argument of a program, or in a variable: those of an address in it, or what is behind the name of one. */
const inText = (text: string): ReadonlyArray<string> => {
  const url = URL.parse(/(?<![a-z0-9+.-])[a-z][a-z0-9+.-]*:\/\/.*/i.exec(text)?.[0] ?? "")
  if (url !== null) return inAddress(url)
  const at = namedSecretAt(text)
  return at === undefined ? [] : [text.slice(at)]
}

/** The secrets in the arguments of a program: `--api-key x`, `--api-key=x`, `-H "X-Api-Key: x"`, or a token. */
const inArguments = (args: ReadonlyArray<string>): ReadonlyArray<string> =>
  args.flatMap((argument, at) => [
    ...(announcesSecret(args[at - 1] ?? "") || hasSecretShape(argument) ? [argument] : []),
    ...inText(argument)
  ])

const inOAuth = (server: RemoteServer): ReadonlyArray<Redacted.Redacted> => {
  const { grant } = server.oauth
  const own = configuredClientOf(server)
  const provider = grant?._tag === "EnterpriseManaged" ? grant.identityProvider : undefined
  const sources: ReadonlyArray<SecretSource | undefined> = [
    own?.clientSecret,
    own?.signingKey?.pem,
    provider?.client.clientSecret,
    provider?.client.signingKey?.pem,
    provider?.subjectToken,
    grant?._tag === "JwtBearer" ? grant.assertion : undefined
  ]
  return sources.filter((source) => Redacted.isRedacted(source))
}

const secretsOf = (server: Server): ReadonlyArray<Redacted.Redacted> =>
  server._tag === "Http"
    ? [
        ...named(server.headers).flatMap(words),
        ...inOAuth(server),
        ...inAddress(server.url).map((one) => Redacted.make(one))
      ]
    : [
        ...named(server.env),
        ...[
          ...Object.values(server.env).flatMap((value) => inText(Redacted.value(value))),
          ...inArguments(server.args)
        ].map((one) => Redacted.make(one))
      ]

/** A server of the configuration with its open session, for a conversation. */
export const chatServer = (
  server: Server,
  account: string,
  session: OpenSession,
  listed?: ListedTools
): ChatServer => ({
  name: server.name,
  account,
  session,
  ...(listed && { listed }),
  place: server._tag === "Http" ? server.url.href : JSON.stringify([server.command, server.args]),
  // The name of a field does not tell whether a stored secret is one.
  secrets: [...secretsOf(server), ...(server.storedSecrets ?? [])],
  ...(server._tag === "Http" ? { entry: server } : {}),
  rules: server.toolRules ?? defaultToolRules
})
