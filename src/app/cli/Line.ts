/**
 * A text in a style that the terminal may have: bold (1), dim (2), or a colour that can be read on white and on black: red (31),
 * green (32), magenta (35). Yellow cannot.
 */
export interface Styled {
  readonly style: number
  readonly text: string
}

/** One line of output, in parts if some of it has a style. */
export type Line = string | ReadonlyArray<string | Styled>
