import { TornRecord } from "./Chunks.ts"

// Nothing of Effect is imported here: the process that speaks to the keyring starts with this, and has to be quick.

/** What is wrong with a keyring, as it crosses a pipe. */
export interface KeyringFault {
  readonly tag: "Unavailable" | "Locked" | "Denied" | "Unsupported" | "Corrupt" | "BackendError"
  readonly detail: string
}

/**
 * The package gives every error the same code: what it means is in its text alone, which is keyring-rs's words around
 * those of the system (2.1.2; the tests have each of them). The first line that fits counts.
 */
const meanings: ReadonlyArray<readonly [RegExp, KeyringFault["tag"], string]> = [
  [/'(?:user|target)' is longer than/, "Unsupported", "the name of the server is too long for it"],
  [/longer than the platform limit|error code 1783/, "Unsupported", "it is too large for an entry"],
  [
    /autolaunch|Failed to connect to socket|Connection refused|No such file/,
    "Unavailable",
    "no session bus answers (DBUS_SESSION_BUS_ADDRESS)"
  ],
  [
    /ServiceUnknown|not provided by any|NameHasNoOwner|DBus\.Error\.Spawn/,
    "Unavailable",
    "no keyring runs on the session bus"
  ],
  [
    /no result found/,
    "Unavailable",
    "it has no default collection to keep anything in; its manager makes one"
  ],
  [/NO_SUCH_LOGON_SESSION/, "Unavailable", "this logon session has none"],
  [
    /No keychain is available|(?:default|specified) keychain could not be found/i,
    "Unavailable",
    "there is no keychain"
  ],
  [
    /native binding|Cannot find (?:module|package)|ERR_DLOPEN/,
    "Unavailable",
    "there is no build for this system"
  ],
  [/prompt was dismissed/, "Locked", "it was not unlocked when it asked"],
  [/IsLocked|locked (object|collection)/, "Locked", "nobody has unlocked it"],
  [/interaction is (?:not allowed|required)/i, "Locked", "it may ask nobody here"],
  [/canceled|passphrase you entered/i, "Denied", "the prompt was refused"],
  // macOS says so of an entry that it does not let us read, and that we therefore meant to add.
  [/already exists in the keychain/i, "Denied", "the entry is another program's"],
  [/cannot be modified/i, "Denied", "the keychain is read-only"],
  [/denied|error code 5$/i, "Denied", "the system refused"],
  [
    /NoReply|not receive a reply|disconnected|Broken pipe/,
    "BackendError",
    "it stopped, or had no time, while it was asked"
  ],
  [/is matched by/, "BackendError", "another program has made a second entry of this name"],
  [/is malformed|not valid UTF-8/, "Corrupt", "it is no entry of ours"]
]

/** What an error of the package means. Its text is not passed on: it is the system's own, and unlimited. */
export const faultOf = (error: unknown): KeyringFault => {
  if (error instanceof TornRecord) return { tag: "Corrupt", detail: error.message }
  if (error instanceof RangeError) return { tag: "Unsupported", detail: error.message }
  const text = error instanceof Error ? error.message : String(error)
  const [, tag, detail] = meanings.find(([pattern]) => pattern.test(text)) ?? [
    /$/,
    "BackendError" as const,
    `it says "${text.replace(/[^\x20-\x7e]+/g, " ").slice(0, 200)}"`
  ]
  return { tag, detail }
}
