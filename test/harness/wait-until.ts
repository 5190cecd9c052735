/** Waits for what no event of the test's own tells of: a log line, a counter, a connection count. */
import { WAIT_MS_MAX } from "./raw-socket.ts"

/** Between two looks at the condition. */
const LOOK_MS = 1

/** @param what for the message when it never holds */
export async function waitUntil(condition: () => boolean, what: string): Promise<void> {
  const deadlineMs = performance.now() + WAIT_MS_MAX
  while (!condition()) {
    if (performance.now() > deadlineMs) throw new Error(`never came: ${what}`)
    await Bun.sleep(LOOK_MS)
  }
}
