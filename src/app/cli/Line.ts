/** A text in a style that the terminal may have: bold (1), dim (2), or a colour (31 to 33). */
export interface Styled {
  readonly style: number
  readonly text: string
}

/** One line of output, in parts if some of it has a style. */
export type Line = string | ReadonlyArray<string | Styled>
