/** Bold (1), dim (2), italic (3), and the colours that can be read on white and on black: red (31), green (32), magenta (35). Yellow cannot. */
export type Style = 1 | 2 | 3 | 31 | 32 | 35

/** A text in a style that the terminal may have. */
export interface Styled {
  readonly style: Style
  readonly text: string
}

/** One line of output, in parts if some of it has a style. */
export type Line = string | ReadonlyArray<string | Styled>
