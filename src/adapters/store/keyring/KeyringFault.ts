import { TornRecord } from "./Chunks.ts"

// This module does not import Effect: the keyring process loads it, and has to start fast.

/** What is wrong with a keyring, as sent over the pipe. */
export interface KeyringFault {
  readonly tag: "Unavailable" | "Locked" | "Denied" | "Unsupported" | "Corrupt" | "BackendError"
  readonly detail: string
}

/**
 * Texts of errors and what they mean; the first match counts. The package gives every error the same code, so only the
 * text of keyring-rs and the system tells them apart (version 2.1.2; each text has a test).
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
    "it has no default collection to store anything in; its manager makes one"
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
  [/IsLocked|locked (object|collection)/, "Locked", "it has not been unlocked"],
  [/interaction is (?:not allowed|required)/i, "Locked", "it cannot show a prompt here"],
  [/canceled|passphrase you entered/i, "Denied", "the prompt was refused"],
  // macOS says so when it hides an existing entry from us and we try to add it.
  [/already exists in the keychain/i, "Denied", "the entry belongs to another program"],
  [/cannot be modified/i, "Denied", "the keychain is read-only"],
  [/denied|error code 5$/i, "Denied", "the system refused"],
  [
    /NoReply|not receive a reply|disconnected|Broken pipe/,
    "BackendError",
    "it stopped or was too slow to answer"
  ],
  [/is matched by/, "BackendError", "another program has made a second entry of this name"],
  [/is malformed|not valid UTF-8/, "Corrupt", "mcp-cli did not write this entry"]
]

/** What an error of the package means. Its text comes from the system and has no limit, so it is passed on only shortened, and only if it is unknown. */
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
