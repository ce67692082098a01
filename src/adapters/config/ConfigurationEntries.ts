import { Predicate } from "effect"
import type { ConfigurationEntry } from "../../ports/ConfigurationTrust.ts"
import type { Block } from "./Cursor.ts"
import { parseTemplate, secretsIn } from "./Interpolation.ts"
import { summarize } from "./ServerEntry.ts"

/** A value in a block, and the name of its field. */
interface Leaf {
  readonly name: string
  readonly value: unknown
}

/** Every value in a block that is no object or list. The items of a list have the name of its field. */
const leavesOf = (value: unknown, name = ""): ReadonlyArray<Leaf> => {
  if (Array.isArray(value)) return value.flatMap((item: unknown) => leavesOf(item, name))
  if (!Predicate.isReadonlyObject(value)) return [{ name, value }]
  return Object.entries(value).flatMap(([key, item]) => leavesOf(item, key))
}

const textsOf = (
  leaves: ReadonlyArray<Leaf>,
  isWanted: (leaf: Leaf & { readonly value: string }) => boolean
) =>
  leaves.flatMap(({ name, value }) => (typeof value === "string" && isWanted({ name, value }) ? [value] : []))

const variablesOf = (leaves: ReadonlyArray<Leaf>): ReadonlyArray<string> =>
  leaves.flatMap(({ value }) =>
    typeof value !== "string"
      ? []
      : (parseTemplate(value) ?? []).flatMap((piece) => (piece._tag === "Variable" ? [piece.variable] : []))
  )

const secretsOf = (leaves: ReadonlyArray<Leaf>): ReadonlyArray<string> =>
  leaves.flatMap(({ value }) => (typeof value === "string" ? secretsIn(value) : []))

/** Settings that turn off a check, with the value that does so. */
const risks: ReadonlyArray<readonly [name: string, value: boolean]> = [
  ["allow_private_addresses", true],
  ["allow_http", true],
  ["use_pkce", false],
  ["vaultSkipVerify", true]
]

/** Lists values after a predicate, each once. Empty without values. */
const action = (predicate: string, values: ReadonlyArray<string>): ReadonlyArray<string> =>
  values.length === 0 ? [] : [`${predicate} ${[...new Set(values)].join(", ")}`]

/** What the settings in these leaves lead to, whichever block they are in. */
const settingsOf = (leaves: ReadonlyArray<Leaf>): ReadonlyArray<string> => [
  ...action(
    "sends requests to",
    textsOf(leaves, ({ name }) => /(url|issuer)$/i.test(name))
  ),
  ...action(
    "reads",
    textsOf(leaves, ({ name }) => /(_file|File|Cert|ClientKey)$/.test(name))
  ),
  ...action(
    "sets",
    risks.flatMap(([risk, bad]) =>
      leaves.some(({ name, value }) => name === risk && value === bad) ? [`${risk} to ${bad}`] : []
    )
  )
]

/** What a model may do with the tools of a server without asking the user. */
const permissionsOf = (entry: Block): ReadonlyArray<string> => [
  ...(entry.field("trust").value === true
    ? ["lets a model use its tools that only read, without a question"]
    : []),
  ...action(
    "lets a model use these tools without a question:",
    textsOf(leavesOf(entry.childOrEmpty("tools").field("allow").value), () => true)
  )
]

const serverEntry = (name: string, entry: Block): ConfigurationEntry => {
  const { target, transport } = summarize(name, entry)
  const leaves = leavesOf(entry.fields)
  const variables = [
    ...action("uses the variables", variablesOf(leaves)),
    ...action("uses the stored secrets", secretsOf(leaves))
  ]
  if (transport === "stdio") {
    const folder = textsOf(leavesOf(entry.field("cwd").value), () => true)
    return {
      name,
      actions: [
        `runs: ${target}`,
        ...action("in the folder", folder),
        ...action("with these variables set:", entry.childOrEmpty("env").names),
        ...permissionsOf(entry),
        ...variables
      ]
    }
  }
  return {
    name,
    actions: [
      `connects to ${target}`,
      ...action("with these headers:", entry.childOrEmpty("headers").names),
      ...settingsOf(
        leavesOf({ ...entry.childOrEmpty("oauth").fields, allow_http: entry.field("allow_http").value })
      ),
      ...permissionsOf(entry),
      ...variables
    ]
  }
}

const storageEntry = (block: Block): ConfigurationEntry => {
  const leaves = leavesOf(block.fields)
  return {
    name: "tokenStorage",
    actions: [
      ...action(
        "stores sign-ins in",
        textsOf(leaves, ({ name }) => /^(backend|vault(MountPoint|PathPrefix|Namespace))$/.test(name))
      ),
      ...(block.has("password") ? ["sets the password of encrypted files"] : []),
      ...settingsOf(leaves),
      ...action("uses the variables", variablesOf(leaves))
    ]
  }
}

const modelsEntry = (block: Block): ConfigurationEntry => {
  const leaves = leavesOf(block.fields)
  const providers = block.childOrEmpty("providers").blocks
  return {
    name: "models",
    actions: [
      ...action(
        "chats with the model",
        textsOf(leaves, ({ name }) => name === "default")
      ),
      ...action(
        "sends conversations to",
        textsOf(leaves, ({ name }) => name === "base_url")
      ),
      ...action(
        "with these headers:",
        providers.flatMap(([, provider]) => provider.childOrEmpty("headers").names)
      ),
      ...action("uses the variables", variablesOf(leaves))
    ]
  }
}

/** What a configuration makes this program do, as the file writes it. It never contains the value of a secret field. */
export const entriesOf = (root: Block): ReadonlyArray<ConfigurationEntry> => [
  ...root.childOrEmpty("mcpServers").blocks.map(([name, entry]) => serverEntry(name, entry)),
  ...(root.has("models") ? [modelsEntry(root.childOrEmpty("models"))] : []),
  ...(root.has("tokenStorage") ? [storageEntry(root.childOrEmpty("tokenStorage"))] : []),
  ...(root.field("history").value === true
    ? [{ name: "history", actions: ["keeps conversations with models on this machine"] }]
    : [])
]
