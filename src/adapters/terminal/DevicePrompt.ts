import { clearLine, cursorTo } from "node:readline"
import { Clock, Config, Effect, identity } from "effect"
import type { DevicePrompt } from "../../ports/UserInteraction.ts"
import { countdown } from "./Countdown.ts"
import { qrCode, type TerminalSize } from "./QrCode.ts"
import { isOnScreen, say } from "./Terminal.ts"

/**
 * The text for a device code (RFC 8628 §3.3).
 *
 * @param size of a terminal that can show a QR code; `undefined` for no code
 * @param messageLines breaks the sentences for this terminal. Addresses stay whole, so that they are copied whole.
 */
export const devicePrompt = Effect.fnUntraced(function* (
  server: string,
  { userCode, verificationUri, verificationUriComplete }: DevicePrompt,
  size: TerminalSize | undefined,
  messageLines: (lines: ReadonlyArray<string>) => ReadonlyArray<string> = identity
) {
  // The user compares the code even if it need not be typed: that exposes a URL from an attacker (§5.4).
  const complete = verificationUriComplete !== undefined
  const picture =
    size === undefined ? [] : yield* qrCode((verificationUriComplete ?? verificationUri).href, size)
  return [
    ...messageLines([`Authentication required for ${server}`]),
    "Open this URL on any device:",
    "",
    `  ${verificationUri.href}`,
    "",
    "and enter this code:",
    "",
    `  ${userCode}`,
    "",
    ...(complete
      ? [
          ...messageLines(["Or open this URL and check that the page shows the same code:"]),
          "",
          `  ${verificationUriComplete.href}`,
          ""
        ]
      : []),
    ...(picture.length === 0
      ? []
      : [
          ...messageLines([
            `Or scan this QR code${complete ? " and check that the page shows" : ", then enter"} ${userCode}:`
          ]),
          ...picture
        ])
  ].join("\n")
})

/** The size of a terminal that shows colours; `undefined` for other terminals and for files. */
export const pictureSize = Effect.fnUntraced(
  function* ({ columns, isTTY, rows }: Partial<TerminalSize> & { readonly isTTY?: boolean }) {
    if (isTTY !== true || columns === undefined || rows === undefined) return undefined
    // https://no-color.org: set, and not empty.
    const refused = yield* Config.String("NO_COLOR").pipe(Config.withDefault(""))
    const terminal = yield* Config.String("TERM").pipe(Config.withDefault(""))
    if (refused !== "" || terminal === "dumb") return undefined
    return { columns, rows }
  },
  Effect.orElseSucceed(() => undefined)
)

/** Shows the time left until `end`, in milliseconds since the epoch, on one line of the terminal. */
const waitingLine = (end: number) => {
  const wipe = Effect.sync(() => {
    cursorTo(process.stderr, 0)
    clearLine(process.stderr, 0)
  })
  return Effect.gen(function* () {
    const left = countdown(end - (yield* Clock.currentTimeMillis))
    yield* wipe
    yield* say(`Waiting for your approval (${left})`)
    yield* Effect.sleep("1 second")
  }).pipe(Effect.forever, Effect.ensuring(wipe))
}

/** Shows a device code, and the time left until the scope closes. */
export const showDevicePrompt = Effect.fnUntraced(function* (
  server: string,
  device: DevicePrompt,
  messageLines: (lines: ReadonlyArray<string>) => ReadonlyArray<string>
) {
  yield* say(`${yield* devicePrompt(server, device, yield* pictureSize(process.stderr), messageLines)}\n`)
  if (isOnScreen()) return yield* Effect.asVoid(Effect.forkScoped(waitingLine(device.expiresAt)))
  const left = device.expiresAt - (yield* Clock.currentTimeMillis)
  yield* say(`Waiting up to ${countdown(left)} minutes.\n`)
})
