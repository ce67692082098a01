/** How long the end of a flow waits for bodies that only the trace still reads, in milliseconds. */
export const bodyTimeout = 1000
/** Steps that are recorded, so that a page that calls the callback in a loop does not fill the memory. */
export const maxEvents = 200
/** Maximum size of a recorded body, in bytes: OAuth messages are far shorter. */
export const maxRecorded = 64 * 1024
/** Characters of one value that are shown. */
export const maxShown = 2000
/** Nested objects and lists that are read. */
export const maxDepth = 50
/** Fields of one message that are shown. */
export const maxFields = 200
