import { Effect, Layer } from "effect"
import { safeLine } from "../../domain/PrintableText.ts"
import type { McpProgress } from "../../ports/McpConnector.ts"
import { ProgressDisplay } from "../../ports/ProgressDisplay.ts"
import { addFooter, type Footer, isFooter, removeFooter, writeStatus } from "./Screen.ts"
import { isOnScreen } from "./Terminal.ts"

/** Milliseconds that work may take before it is shown: most calls end earlier. */
const delay = 400

/** Milliseconds between two pictures. */
const interval = 100

const pictures = "\u280b\u2819\u2839\u2838\u283c\u2834\u2826\u2827\u2807\u280f"

/** Characters of a message that are looked at, ten times a second. No row has more. */
const maxMessage = 500

/** How far work is: `40% copying`, `4 copying`. */
const progressText = ({ message, progress, total }: McpProgress): string => {
  const done =
    total !== undefined && total > 0
      ? `${Math.round(Math.min(progress / total, 1) * 100)}%`
      : String(progress)
  return message === undefined ? done : `${done} ${safeLine(message.slice(0, maxMessage))}`
}

/** Shows work on the last line of the screen until it ends, if stderr is a terminal that can move the cursor. */
export const layer: Layer.Layer<never> = Layer.sync(ProgressDisplay, () => {
  if (!isOnScreen() || process.env["TERM"] === "dumb") return (_what, work) => work(undefined)
  return (what, work) =>
    Effect.suspend(() => {
      let picture = 0
      let isVisible = false
      let text = ""
      const footer: Footer = {
        isStatus: true,
        hide: () => writeStatus(""),
        show: () => {
          if (isVisible) writeStatus(`${pictures.charAt(picture)} ${safeLine(what)} ${text}`)
        }
      }
      const draw = () => {
        isVisible = true
        picture = (picture + 1) % pictures.length
        if (isFooter(footer)) footer.show()
      }
      const pictureAfterPicture = Effect.sync(draw).pipe(
        Effect.andThen(Effect.sleep(interval)),
        Effect.forever,
        Effect.delay(delay)
      )
      const onProgress = (progress: McpProgress) => {
        text = progressText(progress)
        draw()
      }
      return Effect.acquireUseRelease(
        Effect.sync(() => addFooter(footer)),
        () => Effect.raceFirst(work(onProgress), pictureAfterPicture),
        () =>
          Effect.sync(() => {
            if (isVisible && isFooter(footer)) footer.hide()
            removeFooter(footer)
          })
      )
    })
})
