import { assert, describe, it } from "@effect/vitest"
import { browserEnvironment } from "../../../src/adapters/browser/BrowserEnvironment.ts"

const desktop = {
  HOME: "/home/me",
  PATH: "/usr/bin",
  DISPLAY: ":0",
  WAYLAND_DISPLAY: "wayland-0",
  XAUTHORITY: "/run/xauth",
  XDG_RUNTIME_DIR: "/run/user/1000",
  DBUS_SESSION_BUS_ADDRESS: "unix:path=/run/user/1000/bus",
  LANG: "de_DE.UTF-8",
  LC_ALL: "C",
  https_proxy: "http://proxy.test:3128",
  HTTP_PROXY: "http://user:password@proxy.test:3128",
  SystemRoot: "C:\\Windows",
  "ProgramFiles(x86)": "C:\\Program Files (x86)"
}
const secrets = {
  MCP_CLI_ENCRYPTION_KEY: "x",
  MCP_CLI_ENCRYPTION_KEY_FILE: "x",
  MCP_CLI_NEW_ENCRYPTION_KEY: "x",
  MCP_CLI_NEW_ENCRYPTION_KEY_FILE: "x",
  VAULT_TOKEN: "x",
  BAO_ADDR: "x",
  OTEL_EXPORTER_OTLP_HEADERS: "x",
  NODE_OPTIONS: "--import=x",
  NOTION_CLIENT_SECRET: "x",
  GITHUB_TOKEN: "x",
  AWS_SECRET_ACCESS_KEY: "x",
  AWS_ACCESS_KEY_ID: "x",
  OPENAI_API_KEY: "x",
  apikey: "x",
  DB_PASSWORD: "x",
  PGPASSWORD: "x",
  SSH_PASSPHRASE: "x",
  SMTP_PASS: "x",
  MYSQL_PWD: "x",
  GH_PAT: "x",
  NPM_AUTH: "x",
  GOOGLE_APPLICATION_CREDENTIALS: "x",
  DATABASE_URL: "postgres://me:hidden@db.test/x"
}
const others = { EDITOR: "vi", SSH_AUTH_SOCK: "/run/agent", VSCODE_IPC_HOOK_CLI: "/run/ipc", PWD: "/tmp" }
const all = { ...desktop, ...secrets, ...others }

describe("the environment of a browser", () => {
  it("of the platform is its desktop, and nothing else", () => {
    assert.deepEqual(browserEnvironment(all, "platform", []), desktop)
  })

  it("of $BROWSER has what else a program may need, and no secret", () => {
    assert.deepEqual(browserEnvironment(all, "named", []), { ...desktop, ...others })
  })

  it("has no variable that the configuration uses, except for those of the desktop", () => {
    const environment = { HOME: "/home/me", NOTION: "x", EDITOR: "vi" }
    assert.deepEqual(browserEnvironment(environment, "named", ["NOTION", "HOME"]), {
      HOME: "/home/me",
      EDITOR: "vi"
    })
  })
})
