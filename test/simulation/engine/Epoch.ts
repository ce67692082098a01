/** The true time at virtual time 0, in milliseconds since the epoch. */
export const epoch = Date.UTC(2030, 0, 1)
