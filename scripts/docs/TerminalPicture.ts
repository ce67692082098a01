/** A piece of a row with one look. */
interface Run {
  readonly text: string
  readonly column: number
  readonly color: string | undefined
  readonly background: string | undefined
  readonly bold: boolean
  readonly dim: boolean
}

/** What a terminal shows, row by row, with the escape sequences of its colours, and from when on, in seconds. */
export interface Frame {
  readonly at: number
  readonly rows: ReadonlyArray<string>
}

const cell = { width: 8, height: 17, size: 13.3 }
const padding = 12
const theme = { background: "#16181d", foreground: "#d6d9e0", bar: "#23262d" }
const palette = [
  ["#16181d", "#e06c75", "#7ec98f", "#d7b46a", "#6ea8e8", "#c58fe0", "#63bfc4", "#d6d9e0"],
  ["#7d828d", "#f08890", "#98dfa8", "#ebca84", "#8cc0fa", "#d8a8f0", "#80d8dc", "#ffffff"]
]

const escapeText = (text: string) =>
  text.replaceAll("&", "&amp;").replaceAll("<", "&lt;").replaceAll(">", "&gt;")

const plain = {
  color: undefined as string | undefined,
  background: undefined as string | undefined,
  bold: false,
  dim: false,
  reverse: false
}
type Look = typeof plain

/** A colour of the palette of 256. */
const indexed = (index: number): string => {
  if (index < 16) return palette[index >> 3]?.[index & 7] ?? theme.foreground
  const levels =
    index >= 232
      ? Array.from({ length: 3 }, () => 8 + (index - 232) * 10)
      : [36, 6, 1].map((unit) => {
          const level = Math.floor((index - 16) / unit) % 6
          return level === 0 ? 0 : 55 + level * 40
        })
  return `rgb(${levels.join()})`
}

/** The look after the codes of one sequence. */
const lookAfter = (before: Look, codes: ReadonlyArray<number>): Look => {
  let look = before
  for (let at = 0; at < codes.length; at++) {
    const code = codes[at] ?? 0
    const part = code % 10
    const which = (code >= 40 && code < 50) || code >= 100 ? "background" : "color"
    if (code === 38 || code === 48) {
      const isIndexed = codes[at + 1] === 5
      const color = isIndexed ? indexed(codes[at + 2] ?? 0) : `rgb(${codes.slice(at + 2, at + 5).join()})`
      look = { ...look, [code === 38 ? "color" : "background"]: color }
      at += isIndexed ? 2 : 4
    } else if (code === 0) look = plain
    else if (code === 1) look = { ...look, bold: true }
    else if (code === 2) look = { ...look, dim: true }
    else if (code === 7) look = { ...look, reverse: true }
    else if (code === 22) look = { ...look, bold: false, dim: false }
    else if (code === 27) look = { ...look, reverse: false }
    else if (code === 39 || code === 49) look = { ...look, [code === 39 ? "color" : "background"]: undefined }
    else if (code >= 30) look = { ...look, [which]: indexed(code >= 90 ? 8 + part : part) }
  }
  return look
}

/** The runs of a row, which has no sequences but those of colours (SGR). */
const runsOf = (row: string): ReadonlyArray<Run> => {
  const runs: Array<Run> = []
  let look = plain
  let column = 0
  // oxlint-disable-next-line no-control-regex
  for (const [, codes, text] of row.matchAll(/\x1b\[([\d;]*)m|([^\x1b]+)/g)) {
    if (codes !== undefined) look = lookAfter(look, codes.split(";").map(Number))
    if (text === undefined) continue
    const { background, bold, color, dim, reverse } = look
    const colors = reverse
      ? { color: background ?? theme.background, background: color ?? theme.foreground }
      : { color, background }
    runs.push({ text, column, bold, dim, ...colors })
    column += [...text].length
  }
  return runs
}

/** Blocks are drawn, since fonts leave gaps between them, and a code with gaps cannot be scanned. */
const blocks: Readonly<Record<string, readonly [from: number, height: number]>> = {
  "█": [0, 1],
  "▀": [0, 0.5],
  "▄": [0.5, 0.5]
}

const runSvg = ({ background, bold, color, column, dim, text }: Run, y: number): string => {
  const x = padding + column * cell.width
  const width = [...text].length * cell.width
  const fill = color === undefined ? "" : ` fill="${color}"`
  const paper =
    background === undefined
      ? ""
      : `<rect x="${x}" y="${y}" width="${width}" height="${cell.height}" fill="${background}"/>`
  const drawn = [...text]
    .map((character, index) => {
      const [from, height] = blocks[character] ?? [0, 0]
      return height === 0
        ? ""
        : `M${x + index * cell.width} ${y + from * cell.height}h${cell.width}v${height * cell.height}h-${cell.width}z`
    })
    .join("")
  const written = text.replaceAll(/[█▀▄]/g, " ")
  const path = drawn === "" ? "" : `<path d="${drawn}" shape-rendering="crispEdges"${fill}/>`
  if (written.trim() === "") return paper + path
  const weight = bold ? ` font-weight="bold"` : ""
  const opacity = dim ? ` opacity=".65"` : ""
  return `${paper}${path}<text x="${x}" y="${y + 13}" textLength="${width}"${fill}${weight}${opacity}>${escapeText(written)}</text>`
}

/** A row, and from when until when it is shown. Infinity: to the end. */
interface Shown {
  readonly index: number
  readonly row: string
  readonly from: number
  until: number
}

const shownRows = (frames: ReadonlyArray<Frame>): ReadonlyArray<Shown> => {
  const all: Array<Shown> = []
  const current = new Map<number, Shown>()
  for (const { at, rows } of frames) {
    for (let index = 0; index < Math.max(rows.length, current.size); index++) {
      const row = rows[index] ?? ""
      const before = current.get(index)
      if (before?.row === row) continue
      if (before !== undefined) before.until = at
      const next = { index, row, from: at, until: Infinity }
      current.set(index, next)
      all.push(next)
    }
  }
  return all.filter(({ from, row, until }) => row !== "" && from !== until)
}

const seconds = (time: number) => `${Math.round(time * 100) / 100}s`

/**
 * What a terminal has shown, as SVG. Frames play once and end with the last one, which is also what shows where nothing is
 * animated. One frame is a still picture.
 */
export const terminalPicture = (title: string, columns: number, frames: ReadonlyArray<Frame>): string => {
  const height = Math.max(...frames.map(({ rows }) => rows.length)) * cell.height + 2 * padding + 24
  const width = columns * cell.width + 2 * padding
  const rows = shownRows(frames).map(({ from, index, row, until }) => {
    const drawn = runsOf(row)
      .map((run) => runSvg(run, padding + 24 + index * cell.height))
      .join("")
    if (until !== Infinity)
      return `<g class="w" style="animation:s ${seconds(until - from)} ${seconds(from)}">${drawn}</g>`
    return from === 0 ? `<g>${drawn}</g>` : `<g style="animation:h ${seconds(from)}">${drawn}</g>`
  })
  const dots = ["#e06c75", "#d7b46a", "#7ec98f"].map(
    (fill, index) => `<circle cx="${18 + index * 16}" cy="12" r="5" fill="${fill}"/>`
  )
  return [
    `<svg xmlns="http://www.w3.org/2000/svg" width="${width}" height="${height}" viewBox="0 0 ${width} ${height}" role="img">`,
    `<title>${escapeText(title)}</title>`,
    `<style>text{white-space:pre}.w{opacity:0}@keyframes s{0%,to{opacity:1}}@keyframes h{0%,to{opacity:0}}@media(prefers-reduced-motion){g{animation:none!important}}</style>`,
    `<rect width="${width}" height="${height}" rx="8" fill="${theme.background}"/><path d="M0 24V8a8 8 0 018-8h${width - 16}a8 8 0 018 8v16z" fill="${theme.bar}"/>`,
    ...dots,
    `<g font-family="ui-monospace,SFMono-Regular,Menlo,Consolas,'DejaVu Sans Mono',monospace" font-size="${cell.size}" fill="${theme.foreground}" xml:space="preserve">`,
    ...rows,
    `</g></svg>`,
    ""
  ].join("\n")
}
