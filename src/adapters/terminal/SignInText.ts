import type { SignInReturn } from "../../ports/UserInteraction.ts"

/** What decides how a user gets from a URL to a sign-in. */
export interface SignInSituation {
  /** The user can paste here. */
  readonly canPaste: boolean
  /** The program opens a browser. */
  readonly opensBrowser: boolean
  /** The user's browser is at another machine. */
  readonly isBrowserElsewhere: boolean
  /** The user names the program that opens the browser, which may show the page wherever the user is. */
  readonly namesBrowser: boolean
  /** How long the sign-in waits: `5:00`. */
  readonly timeout: string
  /** How to sign in with a code instead, as a sentence. Absent: not offered. */
  readonly byCode: string | undefined
}

/** The text before the URL, and the text after it. */
export interface SignInText {
  readonly before: ReadonlyArray<string>
  readonly after: ReadonlyArray<string>
}

/** The steps for a browser at another machine. */
const stepsElsewhere = (
  { redirectUri }: SignInReturn,
  { byCode, canPaste, namesBrowser, opensBrowser, timeout }: SignInSituation
): SignInText => {
  const { host, pathname, port } = redirectUri
  const end = [...(byCode === undefined ? [] : ["", byCode]), ""]
  // No line has more than 60 columns, so that it is not broken within a word.
  return {
    before:
      opensBrowser && namesBrowser
        ? [
            "1. Approve in the browser that $BROWSER opens. If you see",
            "   none, open this URL on your own machine instead:"
          ]
        : ["1. Open this URL on your own machine, and approve there:"],
    after: canPaste
      ? [
          `2. The browser ends at ${host}${pathname}, a page that`,
          "   does not load. That is expected.",
          "3. Copy the address of that page, and paste it here soon:",
          "   the code in it expires, often within a minute.",
          ...end
        ]
      : [
          `2. The browser ends at ${host}${pathname}, a page of this`,
          `   machine. To load it, forward port ${port} before step 1:`,
          `   ssh -L ${port}:localhost:${port} HOST`,
          "   Or run this at a terminal (ssh -t, docker run -it), and",
          "   paste its address.",
          ...end,
          `Waiting up to ${timeout} minutes.`,
          ""
        ]
  }
}

/** The text around the URL of a sign-in. The URL has a line of its own, so that it is copied whole. */
export const signInText = (server: string, back: SignInReturn, situation: SignInSituation): SignInText => {
  const title = `Authentication required for ${server}`
  if (situation.isBrowserElsewhere) {
    const { after, before } = stepsElsewhere(back, situation)
    return { before: [title, ...before, ""], after: ["", ...after] }
  }
  return {
    before: [
      title,
      situation.opensBrowser
        ? "Approve the sign-in in your browser. If it does not open, visit this URL:"
        : "Open this URL in your browser, and approve the sign-in:",
      ""
    ],
    after: ["", ...(situation.canPaste ? [""] : [`Waiting up to ${situation.timeout} minutes.`, ""])]
  }
}
