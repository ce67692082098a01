// oxlint-disable-next-line no-control-regex -- this rule is about control characters
const controls = /[\u0000-\u001f\u007f-\u009f\u2028-\u202e\u2066-\u2069]+/

/** True if a text has characters that control a terminal. Such a text must not become a name. */
export const hasControls = (text: string): boolean => controls.test(text)

/**
 * Makes text from a server safe to show on a terminal or to quote in an error. Control characters (which could rewrite the
 * screen), bidirectional overrides and line breaks become spaces. The text is cut at 300 characters.
 */
export const printable = (text: string): string => {
  const plain = text.split(controls).join(" ").trim()
  return plain.length > 300 ? `${plain.slice(0, 300).toWellFormed()}…` : plain
}

/**
 * Text of a server, made safe for a terminal: without control characters, which could rewrite the screen, and without
 * bidirectional overrides. Line breaks and tabs stay.
 */
export const safeText = (text: string): string =>
  text
    .replace(/\r\n?/g, "\n")
    // oxlint-disable-next-line no-control-regex -- control characters are what this rule is about
    .replace(/[\u0000-\u0008\u000b-\u001f\u007f-\u009f\u202a-\u202e\u2066-\u2069]/g, "")

/** The same on one line, so that it cannot add a line that looks like ours. */
export const safeLine = (text: string): string => safeText(text).replace(/[\n\u2028\u2029]+/g, " ")
