import { assert, describe, it } from "@effect/vitest"
import { signInText } from "../../../src/adapters/terminal/SignInText.ts"

const back = { redirectUri: new URL("http://localhost:8080/callback"), byCode: undefined }
const here = {
  canPaste: true,
  opensBrowser: true,
  isBrowserElsewhere: false,
  namesBrowser: false,
  timeout: "5:00",
  byCode: undefined
}
const elsewhere = { ...here, isBrowserElsewhere: true }

/** What the terminal shows. */
const shown = (situation: typeof here | { readonly byCode: string }) => {
  const { after, before } = signInText("notion", back, { ...here, ...situation })
  return [...before, "https://as.test/authorize", ...after].join("\n")
}

describe("the text of a sign-in", () => {
  it("names the browser that opens, and the URL on a line of its own", () => {
    assert.strictEqual(
      shown(here),
      `Authentication required for notion
Approve the sign-in in your browser. If it does not open, visit this URL:

https://as.test/authorize

`
    )
  })

  it("claims no browser where none is opened", () => {
    assert.include(
      shown({ ...here, opensBrowser: false }),
      "\nOpen this URL in your browser, and approve the sign-in:\n"
    )
  })

  it("has steps where the browser is elsewhere", () => {
    assert.strictEqual(
      shown(elsewhere),
      `Authentication required for notion
1. Open this URL on your own machine, and approve there:

https://as.test/authorize

2. The browser ends at localhost:8080/callback, a page that
   does not load. That is expected.
3. Copy the address of that page, and paste it here soon:
   the code in it expires, often within a minute.
`
    )
  })

  it("names the browser of the user that opens although it may be elsewhere", () => {
    const text = shown({ ...elsewhere, namesBrowser: true })
    assert.include(
      text,
      "\n1. Approve in the browser that $BROWSER opens. If you see\n   none, open this URL on your own machine instead:\n\nhttps"
    )
    assert.include(text, "\n2. The browser ends at localhost:8080/callback, a page that\n")
    // --no-browser
    assert.strictEqual(
      shown({ ...elsewhere, namesBrowser: true, opensBrowser: false }),
      shown({ ...elsewhere, opensBrowser: false })
    )
    assert.strictEqual(shown({ ...here, namesBrowser: true }), shown(here))
  })

  it("offers the device code where the provider has it", () => {
    assert.include(shown({ ...elsewhere, byCode: "Or by code." }), "within a minute.\n\nOr by code.\n")
  })

  it("asks for no paste where nothing can be pasted", () => {
    const text = shown({ ...elsewhere, canPaste: false })
    assert.notInclude(text, "paste it here")
    assert.include(text, "ssh -L 8080:localhost:8080 HOST")
    assert.include(text, "Waiting up to 5:00 minutes.")
    assert.include(shown({ ...here, canPaste: false }), "Waiting up to 5:00 minutes.")
  })
})
