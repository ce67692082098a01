import { Effect } from "effect"

/** The light margin that readers need around a code, in modules (ISO/IEC 18004 §5.3.8). */
const quietZone = 4

/**
 * Black and white of the 256 colours, which no theme changes: those of a dark terminal would otherwise turn the code
 * into its negative, which some telephones cannot read.
 */
const black = 16
const white = 231

/** Rows of text as wide as the matrix and half as high: each character is one module above another. */
const draw = (matrix: ReadonlyArray<ReadonlyArray<boolean>>): ReadonlyArray<string> => {
  const width = matrix[0]?.length ?? 0
  const rows: Array<string> = []
  for (let y = 0; y < matrix.length; y += 2) {
    let row = ""
    let colours = ""
    for (let x = 0; x < width; x += 1) {
      const upper = matrix[y]?.[x] === true ? black : white
      const lower = matrix[y + 1]?.[x] === true ? black : white
      // A space has its colour up to the edges of its cell, where fonts leave a gap around a block.
      const next = upper === lower ? `\u001b[48;5;${upper}m` : `\u001b[38;5;${upper};48;5;${lower}m`
      if (next !== colours) row += next
      colours = next
      row += upper === lower ? " " : "▀"
    }
    rows.push(`${row}\u001b[0m`)
  }
  return rows
}

/** How many characters there are on a terminal. */
export interface TerminalSize {
  readonly columns: number
  readonly rows: number
}

/**
 * A text as a QR code for a telephone to read off a terminal: rows of half blocks in black on white, with their margin.
 * None where the code would not be seen whole, with a line above and a line below it.
 */
export const qrCode = Effect.fnUntraced(function* (text: string, size: TerminalSize) {
  // Loaded where it is needed: nothing else starts slower for it.
  const { encodeQR } = yield* Effect.promise(() => import("qr"))
  // Fewer modules are larger ones; a screen has no dirt and no creases to correct.
  const matrix = yield* Effect.try({
    try: () => encodeQR(text, "raw", { ecc: "low", border: quietZone }),
    catch: () => "too long for a QR code" as const
  }).pipe(Effect.orElseSucceed((): Array<Array<boolean>> => []))
  const rows = draw(matrix)
  return (matrix[0]?.length ?? 0) <= size.columns && rows.length + 2 <= size.rows ? rows : []
})
