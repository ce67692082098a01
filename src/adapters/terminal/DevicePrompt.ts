import { clearLine, cursorTo } from "node:readline"
import { Clock, Config, Effect } from "effect"
import type { DevicePrompt } from "../../ports/UserInteraction.ts"
import { countdown } from "./Countdown.ts"
import { qrCode, type TerminalSize } from "./QrCode.ts"
import { isOnScreen, say } from "./Terminal.ts"

/**
 * What is shown for a device code (RFC 8628 §3.3).
 *
 * @param size of the terminal that takes pictures; none: no QR code
 */
export const devicePrompt = Effect.fnUntraced(function* (
  server: string,
  { userCode, verificationUri, verificationUriComplete }: DevicePrompt,
  size: TerminalSize | undefined
) {
  // The code is compared even where it need not be typed: who follows an address of somebody else's finds out (§5.4).
  const complete = verificationUriComplete !== undefined
  const picture =
    size === undefined ? [] : yield* qrCode((verificationUriComplete ?? verificationUri).href, size)
  return [
    `Authentication required for ${server}`,
    "Open this address on any device:",
    "",
    `  ${verificationUri.href}`,
    "",
    "and enter this code:",
    "",
    `  ${userCode}`,
    "",
    ...(complete
      ? ["Or open this one; the page must show the same code:", "", `  ${verificationUriComplete.href}`, ""]
      : []),
    ...(picture.length === 0
      ? []
      : [`Or scan this; ${complete ? "the page must show" : "the code is"} ${userCode}:`, ...picture])
  ].join("\n")
})

/** The size of a terminal that takes colours; none: it takes none, or it is a file. */
export const pictureSize = Effect.fnUntraced(
  function* ({ columns, isTTY, rows }: Partial<TerminalSize> & { readonly isTTY?: boolean }) {
    if (isTTY !== true || columns === undefined || rows === undefined) return undefined
    // https://no-color.org: set, and not to nothing.
    const refused = yield* Config.String("NO_COLOR").pipe(Config.withDefault(""))
    const terminal = yield* Config.String("TERM").pipe(Config.withDefault(""))
    if (refused !== "" || terminal === "dumb") return undefined
    return { columns, rows }
  },
  Effect.orElseSucceed(() => undefined)
)

/** Shows the time that is left until `end`, in milliseconds since the epoch, on one line of the terminal. */
const waitingLine = (end: number) => {
  const wipe = Effect.sync(() => {
    cursorTo(process.stderr, 0)
    clearLine(process.stderr, 0)
  })
  return Effect.gen(function* () {
    const left = countdown(end - (yield* Clock.currentTimeMillis))
    yield* wipe
    yield* say(`Waiting for the approval ${left}`)
    yield* Effect.sleep("1 second")
  }).pipe(Effect.forever, Effect.ensuring(wipe))
}

/** Shows a device code, and then the time that is left until the scope closes. */
export const showDevicePrompt = Effect.fnUntraced(function* (server: string, device: DevicePrompt) {
  yield* say(`${yield* devicePrompt(server, device, yield* pictureSize(process.stderr))}\n`)
  if (isOnScreen()) return yield* Effect.asVoid(Effect.forkScoped(waitingLine(device.expiresAt)))
  const left = device.expiresAt - (yield* Clock.currentTimeMillis)
  yield* say(`Waiting up to ${countdown(left)} minutes.\n`)
})
