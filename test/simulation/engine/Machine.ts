/** A machine. Its processes share its wall clock, which differs from true time by `skew` milliseconds. */
export class Machine {
  readonly name: string
  skew: number

  constructor(name: string, skew: number) {
    this.name = name
    this.skew = skew
  }
}
