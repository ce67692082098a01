import type { KeyringEntry, KeyringPackage } from "../../../../src/adapters/store/keyring/KeyringPackage.ts"
import { service as ours } from "../../../../src/adapters/store/keyring/KeyringName.ts"

/** The platforms whose keyring can be played, as `process.platform` calls them. */
export type KeyringPlatform = "darwin" | "win32" | "linux"

// The package passes on the Display of keyring-core 1.0.1 around that of the platform's own error; the words around are
// those in its 2.1.2 builds. macOS's own are SecCopyErrorMessageString's, in English, the status beside each;
// apple-native-keyring-store 1.0.2 makes "Couldn't access" of -25291, -25292, -25294 and -25295 alone.
const access = "Couldn't access platform storage: "
const platform = "Platform failure: "

/** What each platform's package says when something is wrong, word for word. */
export const troubles = {
  darwin: {
    /** -128: the user closed the prompt, or chose Deny. */
    canceled: `${platform}User canceled the operation.`,
    /** -25293: the prompt was answered wrongly; also a keychain that is locked out of step with the login. */
    wrongPassphrase: `${platform}The user name or passphrase you entered is not correct.`,
    /** -25308: locked, and nobody can be asked (ssh, a launch daemon). */
    noInteraction: `${platform}User interaction is not allowed.`,
    /** -25315: the same, of other calls. */
    interactionRequired: `${platform}User interaction is required, but is currently not allowed.`,
    /** -25299: what a write says over an item that this program was refused the sight of. */
    alreadyExists: `${platform}The specified item already exists in the keychain.`,
    /** -25307: no login keychain, as under another HOME. */
    noDefaultKeychain: `${platform}A default keychain could not be found.`,
    /** -25291 */
    notAvailable: `${access}No keychain is available. You may need to restart your computer.`,
    /** -25294: the login keychain's file has gone. */
    noSuchKeychain: `${access}The specified keychain could not be found.`,
    /** -25295: the login keychain's file is damaged. */
    invalidKeychain: `${access}The specified keychain is not a valid keychain file.`,
    /** -25292 */
    readOnly: `${access}This keychain cannot be modified.`
  },
  win32: {
    /** 1312: a network or service logon, which has no credential set; or a policy against keeping any. */
    noLogonSession: `${access}Windows ERROR_NO_SUCH_LOGON_SESSION`,
    /** 2202 */
    badUsername: `${platform}Windows ERROR_BAD_USERNAME`,
    /** 87 */
    invalidParameter: `${platform}Windows ERROR_INVALID_PARAMETER`,
    /** ERROR_ACCESS_DENIED */
    accessDenied: `${platform}Windows error code 5`,
    /** RPC_X_BAD_STUB_DATA: what CredWriteW itself says of a blob that is too large. */
    badStubData: `${platform}Windows error code 1783`
  },
  linux: {
    /** The collection is locked, and its prompt was closed or could not be shown. */
    dismissed: `${access}Secret Service: unlock prompt was dismissed`,
    /** No collection has the alias `default`. */
    noCollection: `${access}Secret Service: no result found`,
    noBus: `${platform}DBus error: Using X11 for dbus-daemon autolaunch was disabled at compile time, set your DBUS_SESSION_BUS_ADDRESS instead`
  },
  /** Of every platform. */
  any: {
    /** Another program made a second item that answers to the same names (the Secret Service only, in truth). */
    ambiguous: `Entry is matched by 2 credentials: [Entry { inner: Cred }, Entry { inner: Cred }]`
  }
} as const

/** A call of the package; `new` is the constructor of an entry. */
export type KeyringCall =
  | "new"
  | "getSecret"
  | "setSecret"
  | "getPassword"
  | "setPassword"
  | "deleteCredential"
  | "deletePassword"

/** Which calls fail. */
export interface Failing {
  /** Every call of one entry, where it is not given. */
  readonly call?: KeyringCall
  readonly account?: string
  /** How many of them pass first (default 0). */
  readonly after?: number
  /** How many of them fail (default all that come). */
  readonly times?: number
}

/** What an `Entry` of the package is, as far as the double plays it. */
export interface ScriptedEntry extends KeyringEntry {
  getSecret(): Array<number> | null
  getPassword(): string | null
  setPassword(password: string): void
  deletePassword(): boolean
}

export interface ScriptedKeyring {
  /** In place of `@napi-rs/keyring`. */
  readonly package: {
    readonly Entry: new (...parameters: ConstructorParameters<KeyringPackage["Entry"]>) => ScriptedEntry
  }
  /** Account to bytes, as they are kept: a test may look, and put another program's there. */
  readonly entries: Map<string, Uint8Array>
  readonly script: {
    /** Makes calls fail with one of the platform's {@link troubles}. */
    readonly fail: (text: string, failing?: Failing) => void
    /** macOS: the system refuses to remove an item, and the package, which does not look, says that it did. */
    readonly refuseRemoval: (account: string) => void
    /** Every call there was, in order. */
    readonly calls: ReadonlyArray<{ readonly call: KeyringCall; readonly account: string }>
    /** What was asked of it that the real one would not take, or that we never mean to ask: each was thrown too. */
    readonly misuses: ReadonlyArray<string>
  }
}

export interface ScriptedKeyringOptions {
  /** The only service that is expected (default: ours). */
  readonly service?: string
}

const failure = (message: string, code = "GenericFailure") => Object.assign(new Error(message), { code })

const tooLong = (what: string, limit: number) =>
  failure(`Value of '${what}' is longer than the platform limit of ${limit} chars`)

const utf8 = new TextDecoder("utf-8", { fatal: true, ignoreBOM: true })
const utf16 = new TextDecoder("utf-16le", { fatal: true, ignoreBOM: true })

// CredMan compares target names by the invariant upper case of each UTF-16 unit.
const folded = (name: string) =>
  name
    .split("")
    .map((unit) => (unit.toUpperCase().length === 1 ? unit.toUpperCase() : unit))
    .join("")

/**
 * The package over a keyring in memory that behaves as one of the platforms does, for what cannot be run here: limits,
 * names that fold, and errors in the words of each. What the real one would not take is thrown and kept as a misuse.
 */
export const scriptedKeyring = (
  os: KeyringPlatform,
  { service: expected = ours }: ScriptedKeyringOptions = {}
): ScriptedKeyring => {
  const entries = new Map<string, Uint8Array>()
  const calls: Array<{ call: KeyringCall; account: string }> = []
  const misuses: Array<string> = []
  const failings: Array<{ text: string; failing: Failing; seen: number }> = []
  const kept = new Set<string>()

  const misuse = (what: string): never => {
    misuses.push(what)
    throw new TypeError(`The scripted keyring (${os}) was misused: ${what}`)
  }

  /** Only what is there may be asked for; a module is asked for `then` by whatever awaits it. */
  const strict = <A extends object>(target: A, name: string): A =>
    new Proxy(target, {
      get: (of, key) => {
        if (!(key in of) && typeof key === "string" && key !== "then") misuse(`${name} has no ${key}`)
        const value: unknown = Reflect.get(of, key)
        return typeof value === "function" && name === "an entry" ? value.bind(of) : value
      },
      set: (_, key) => misuse(`${name} was given another ${String(key)}`)
    })

  const asString = (value: unknown, what: string): string =>
    typeof value === "string" ? value : misuse(`${what} is a ${typeof value}`)

  const nameOf = (account: string): string =>
    os === "win32"
      ? ([...entries.keys()].find((name) => folded(name) === folded(account)) ?? account)
      : account

  const begin = (call: KeyringCall, account: string) => {
    calls.push({ call, account })
    for (const one of failings) {
      const { after = 0, times = Infinity } = one.failing
      if ((one.failing.call ?? call) !== call || (one.failing.account ?? account) !== account) continue
      one.seen++
      if (one.seen > after && one.seen <= after + times) throw failure(one.text)
    }
  }

  const put = (account: string, secret: Uint8Array) => {
    entries.set(nameOf(account), Uint8Array.from(secret))
  }

  const take = (account: string): boolean => {
    const name = nameOf(account)
    if (kept.has(name)) return entries.has(name)
    return entries.delete(name)
  }

  class Entry implements ScriptedEntry {
    readonly #account: string

    constructor(...given: ReadonlyArray<unknown>) {
      if (given.length < 2 || given.length > 3) misuse(`an entry was made of ${given.length} arguments`)
      const service = asString(given[0], "a service")
      this.#account = asString(given[1], "an account")
      begin("new", this.#account)
      if (os === "darwin") {
        for (const [what, value] of Object.entries({ service, user: this.#account })) {
          if (value === "") throw failure(`Value of '${what}' is invalid: cannot be empty`)
        }
      }
      if (os === "win32") {
        if (Buffer.byteLength(this.#account) > 513) throw tooLong("user", 513)
        if (Buffer.byteLength(`${this.#account}.${service}`) > 32_767) throw tooLong("target", 32_767)
      }
      if (service !== expected) misuse(`the service "${service}"`)
      const options = JSON.stringify(given[2])
      const pinned = '{"linux":{"store":"secret-service"}}'
      if (options !== pinned && (os === "linux" || options !== undefined)) misuse(`the options ${options}`)
      return strict(this, "an entry")
    }

    getSecret(...given: ReadonlyArray<unknown>) {
      if (given.length > 0) misuse("getSecret takes nothing")
      begin("getSecret", this.#account)
      const secret = entries.get(nameOf(this.#account))
      return secret === undefined ? null : Array.from(secret)
    }

    setSecret(...given: ReadonlyArray<unknown>) {
      const [secret] = given
      if (given.length !== 1 || !(secret instanceof Uint8Array)) return misuse("setSecret takes a Uint8Array")
      begin("setSecret", this.#account)
      if (os === "win32" && secret.length > 2560) throw tooLong("secret", 2560)
      put(this.#account, secret)
    }

    getPassword(...given: ReadonlyArray<unknown>) {
      if (given.length > 0) misuse("getPassword takes nothing")
      begin("getPassword", this.#account)
      const secret = entries.get(nameOf(this.#account))
      if (secret === undefined) return null
      try {
        return (os === "win32" ? utf16 : utf8).decode(secret)
      } catch {
        throw failure("Password data is not valid UTF-8")
      }
    }

    setPassword(...given: ReadonlyArray<unknown>) {
      const password = asString(given[0], "a password")
      if (given.length !== 1) misuse("setPassword takes a string")
      begin("setPassword", this.#account)
      if (os === "win32" && password.length > 1280) throw tooLong("password encoded as UTF-16", 2560)
      put(this.#account, Buffer.from(password, os === "win32" ? "utf16le" : "utf8"))
    }

    deleteCredential(...given: ReadonlyArray<unknown>) {
      if (given.length > 0) misuse("deleteCredential takes nothing")
      begin("deleteCredential", this.#account)
      return take(this.#account)
    }

    deletePassword(...given: ReadonlyArray<unknown>) {
      if (given.length > 0) misuse("deletePassword takes nothing")
      begin("deletePassword", this.#account)
      return take(this.#account)
    }
  }

  const known: ReadonlyArray<string> = [...Object.values(troubles[os]), ...Object.values(troubles.any)]

  return {
    package: strict({ Entry: strict(Entry, "Entry") }, "the package"),
    entries,
    script: {
      fail: (text, failing = {}) => {
        if (!known.includes(text)) misuse(`it never says "${text}"`)
        failings.push({ text, failing, seen: 0 })
      },
      refuseRemoval: (account) => {
        if (os !== "darwin") misuse("only macOS loses the refusal of a removal")
        kept.add(account)
      },
      calls,
      misuses
    }
  }
}
