import { Effect } from "effect"

/** The light margin that scanners need around a code, in modules (ISO/IEC 18004 §5.3.8). */
const quietZone = 4

/**
 * Black and white of the 256 colours, which themes do not change. With the first 16 a dark theme would show the negative
 * of the code, which some phones cannot scan.
 */
const black = 16
const white = 231

/** Draws the matrix as rows of half blocks: each character shows two modules, one above the other. */
const draw = (matrix: ReadonlyArray<ReadonlyArray<boolean>>): ReadonlyArray<string> => {
  const width = matrix[0]?.length ?? 0
  const rows: Array<string> = []
  for (let y = 0; y < matrix.length; y += 2) {
    let row = ""
    let colours = ""
    for (let x = 0; x < width; x += 1) {
      const upper = matrix[y]?.[x] === true ? black : white
      const lower = matrix[y + 1]?.[x] === true ? black : white
      // A space fills its cell completely; fonts leave a gap around a block.
      const next = upper === lower ? `\u001b[48;5;${upper}m` : `\u001b[38;5;${upper};48;5;${lower}m`
      if (next !== colours) row += next
      colours = next
      row += upper === lower ? " " : "▀"
    }
    rows.push(`${row}\u001b[0m`)
  }
  return rows
}

/** The size of a terminal, in characters. */
export interface TerminalSize {
  readonly columns: number
  readonly rows: number
}

/**
 * Draws a text as a QR code for a phone: rows of half blocks in black on white, with their margin. Empty if the code, with
 * a line above and a line below it, does not fit on the terminal.
 */
export const qrCode = Effect.fnUntraced(function* (text: string, size: TerminalSize) {
  // Loaded on use, so that other commands start faster.
  const { encodeQR } = yield* Effect.promise(() => import("qr"))
  // Low error correction makes larger modules; a screen has no dirt or creases.
  const matrix = yield* Effect.try({
    try: () => encodeQR(text, "raw", { ecc: "low", border: quietZone }),
    catch: () => "too long for a QR code" as const
  }).pipe(Effect.orElseSucceed((): Array<Array<boolean>> => []))
  const rows = draw(matrix)
  return (matrix[0]?.length ?? 0) <= size.columns && rows.length + 2 <= size.rows ? rows : []
})
