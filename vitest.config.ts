import { defineConfig } from "vitest/config"

const setupFiles = ["test/setup/environment.ts"]

/** Milliseconds after which a test counts as hanging. On a loaded machine one that takes a second may take a minute. */
const testTimeout = 300_000

export default defineConfig({
  test: {
    pool: "forks",
    // Most tests wait for a program, so one worker less than there are cores would leave a core idle.
    maxWorkers: "100%",
    projects: [
      {
        test: {
          name: "unit",
          setupFiles,
          include: ["test/**/*.test.ts"],
          exclude: ["test/e2e/**"],
          testTimeout,
          hookTimeout: testTimeout
        }
      },
      {
        test: {
          name: "e2e",
          setupFiles,
          include: ["test/e2e/**/*.test.ts"],
          exclude: ["test/e2e/java/**"],
          testTimeout,
          hookTimeout: testTimeout
        }
      },
      // For `npm run test:servers`: they take minutes to install, and to start.
      ...(process.env["TEST_SERVERS"] === "1"
        ? [
            {
              test: {
                name: "servers",
                setupFiles,
                include: ["test/e2e/java/**/*.test.ts"],
                testTimeout,
                hookTimeout: 600_000
              }
            }
          ]
        : [])
    ]
  }
})
