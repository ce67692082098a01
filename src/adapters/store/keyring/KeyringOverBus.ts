import { Effect, Layer, Option } from "effect"
import { abortAfter } from "../../platform/AbortAfter.ts"
import { Keyring } from "./Keyring.ts"
import { busTimeout } from "./KeyringLimits.ts"
import { connect, type SecretServiceReader } from "./SecretServiceReader.ts"
import { sleepByLoad } from "./SleepByLoad.ts"

/** How the bus is used. */
export interface KeyringOverBusOptions {
  /** Connects to the bus. Absent: with the environment of this process. */
  readonly open?: () => SecretServiceReader | undefined
  /** Until the keyring process is asked, in seconds. Absent: {@link busTimeout}. */
  readonly timeout?: number
}

/**
 * Reads entries over the session bus, and everything else, also whatever is not a plain read, with the keyring process
 * ({@link SecretServiceReader}). Most runs then start no such process.
 */
export const layer = ({ open = connect, timeout = busTimeout }: KeyringOverBusOptions = {}): Layer.Layer<
  Keyring,
  never,
  Keyring
> =>
  Layer.effect(
    Keyring,
    Effect.gen(function* () {
      const keyring = yield* Keyring
      let reader: SecretServiceReader | undefined
      let isMute = false
      yield* Effect.addFinalizer(() => Effect.sync(() => reader?.close()))

      const read = Effect.fnUntraced(function* (account: string) {
        // A bus that did not answer once would only delay each further read.
        if (isMute) return undefined
        const current = reader?.isOpen === true ? reader : open()
        reader = current
        if (current === undefined) return undefined
        return yield* Effect.promise(() => current.read(account)).pipe(
          abortAfter(sleepByLoad(timeout), () => {
            isMute = true
            current.close()
          })
        )
      })

      return Keyring.of({
        ...keyring,
        get: Effect.fn("KeyringOverBus.get")(function* (account: string) {
          const secret = yield* read(account)
          return secret === undefined ? yield* keyring.get(account) : Option.some(secret)
        })
      })
    })
  )
