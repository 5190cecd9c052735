import { afterEach, beforeEach, describe, expect, test } from "bun:test"
import { mkdtemp, readFile, rename, rm } from "node:fs/promises"
import { tmpdir } from "node:os"
import { join } from "node:path"
import { type LogOutput, openLogOutput } from "./access-log-output.ts"
import { createRecord } from "./access-log-record.fixture.ts"
import { AccessLogWriter } from "./access-log-writer.ts"
import { Counters } from "./counters.ts"
import { createLog } from "./log.ts"

/** An output that finishes a write when the test says so. */
class HeldOutput implements LogOutput {
  readonly writes: string[] = []
  reopenFailure: string | null = null
  isClosed = false
  #done: ((failure: string | null) => void) | null = null

  get isWriting(): boolean {
    return this.#done !== null
  }

  write(bytes: Uint8Array, done: (failure: string | null) => void): void {
    expect(this.#done).toBeNull()
    this.writes.push(Buffer.from(bytes).toString())
    this.#done = done
  }

  finish(failure: string | null): void {
    const done = this.#done
    this.#done = null
    done?.(failure)
  }

  reopen(): string | null {
    return this.reopenFailure
  }

  close(): void {
    this.isClosed = true
  }
}

function setUp() {
  const output = new HeldOutput()
  const counters = new Counters()
  const messages: string[] = []
  const timers: (() => void)[] = []
  const log = createLog({ level: "info", format: "text", write: (line) => messages.push(line) })
  const writer = new AccessLogWriter({
    format: { format: (record) => `${record.routeName}\n` },
    output,
    counters,
    log,
    schedule: (callback) => timers.push(callback),
  })
  const write = (line: string) => writer.write(createRecord({ routeName: line }))
  const tick = () => {
    for (const callback of timers.splice(0)) callback()
  }
  return { writer, write, tick, timers, output, counters, messages }
}

const kibibyte = "x".repeat(1023)

describe("access log writer", () => {
  test("lines wait for the timer and leave in one write", () => {
    const { write, tick, timers, output, counters } = setUp()
    write("a")
    write("b")
    expect(output.writes).toEqual([])
    expect(timers).toHaveLength(1)
    tick()
    expect(output.writes).toEqual(["a\nb\n"])
    output.finish(null)
    expect(counters.accessLogLinesTotal).toBe(2)
  })

  test("256 KiB do not wait", () => {
    const { write, output } = setUp()
    for (let line = 0; line < 255; line++) write(kibibyte)
    expect(output.writes).toEqual([])
    write(kibibyte)
    expect(output.writes).toHaveLength(1)
    expect(output.writes[0]).toHaveLength(256 * 1024)
  })

  test("one write at a time; what came meanwhile follows in order", () => {
    const { write, tick, output } = setUp()
    write("a")
    tick()
    write("b")
    tick()
    write("c")
    expect(output.writes).toEqual(["a\n"])
    output.finish(null)
    expect(output.writes).toEqual(["a\n", "b\nc\n"])
  })

  test("a stalled output costs lines, counted, and never memory beyond the queue", () => {
    const { write, tick, output, counters } = setUp()
    write("first")
    tick()
    const offered = 10_000
    for (let line = 0; line < offered; line++) write(kibibyte)
    expect(counters.accessLogDropped).toBe(offered - 4096)
    output.finish(null)
    expect(output.writes[1]).toHaveLength(4 * 1024 * 1024)
    output.finish(null)
    write("after")
    tick()
    expect(output.writes[2]).toBe("after\n")
    expect(counters.accessLogDropped).toBe(offered - 4096)
    expect(counters.accessLogLinesTotal).toBe(1 + 4096)
  })

  test("a failing output is reported once when it begins and once when it ends; its lines count as dropped", () => {
    const { write, tick, output, counters, messages } = setUp()
    for (const failure of ["no space left", "no space left", null, null]) {
      write("line")
      tick()
      output.finish(failure)
    }
    expect(counters.accessLogDropped).toBe(2)
    expect(counters.accessLogLinesTotal).toBe(2)
    expect(messages).toHaveLength(2)
    expect(messages[0]).toContain('error access log cannot be written, lines are dropped reason="no space left"')
    expect(messages[1]).toContain("info  access log is written again dropped=2")
  })

  test("close writes what is pending, waits for it, then closes; later lines are dropped", async () => {
    const { writer, write, tick, output, counters } = setUp()
    write("a")
    tick()
    write("b")
    const closed = writer.close()
    write("late")
    expect(output.isClosed).toBe(false)
    output.finish(null)
    expect(output.writes).toEqual(["a\n", "b\n"])
    expect(output.isClosed).toBe(false)
    output.finish(null)
    await closed
    expect(output.isClosed).toBe(true)
    expect(counters.accessLogDropped).toBe(1)
  })

  test("close with nothing pending closes at once", async () => {
    const { writer, output } = setUp()
    await writer.close()
    await writer.close()
    expect(output.writes).toEqual([])
    expect(output.isClosed).toBe(true)
  })

  test("a file that is opened anew is told in the log", () => {
    const { writer, messages } = setUp()
    writer.reopen()
    expect(messages[0]).toContain("access log opened anew")
  })

  test("a file that cannot be reopened is an error in the log, and the old one stays", () => {
    const { writer, output, messages } = setUp()
    output.reopenFailure = "cannot open it"
    writer.reopen()
    expect(messages[0]).toContain("still writing to the old file")
  })
})

describe("file output", () => {
  let folder = ""
  beforeEach(async () => {
    folder = await mkdtemp(join(tmpdir(), "portcullis-log-"))
  })
  afterEach(async () => {
    await rm(folder, { recursive: true })
  })

  function open(path: string): LogOutput {
    const output = openLogOutput(path)
    if ("error" in output) throw new Error(output.error)
    return output
  }

  const written = (output: LogOutput, text: string) =>
    new Promise<string | null>((resolve) => output.write(Buffer.from(text), resolve))

  test("appends to what is there", async () => {
    const path = join(folder, "access.log")
    const first = open(path)
    await written(first, "a\n")
    first.close()
    const second = open(path)
    await written(second, "b\n")
    second.close()
    expect(await readFile(path, "utf8")).toBe("a\nb\n")
  })

  test("reopen after a rotation: earlier lines in the old file, later ones in the new", async () => {
    const path = join(folder, "access.log")
    const output = open(path)
    await written(output, "a\n")
    await rename(path, `${path}.1`)
    // Under way while the file is exchanged.
    const underWay = written(output, "b\n")
    expect(output.reopen()).toBeNull()
    expect(output.reopen()).toBeNull()
    expect(await underWay).toBeNull()
    await written(output, "c\n")
    output.close()
    expect(await readFile(`${path}.1`, "utf8")).toBe("a\nb\n")
    expect(await readFile(path, "utf8")).toBe("c\n")
  })

  test("a folder that does not exist is an error with the path", () => {
    const output = openLogOutput(join(folder, "none", "access.log"))
    expect("error" in output ? output.error : "").toContain(join(folder, "none", "access.log"))
  })

  test("a full device is a failure with its reason, not an exception", async () => {
    expect(await written(open("/dev/full"), "a\n")).toContain("ENOSPC")
  })

  test("after a write that a full disk took a part of, the next line begins on one of its own", async () => {
    const path = join(folder, "access.log")
    const script = `import { truncateSync } from "node:fs"
import { openLogOutput } from ${JSON.stringify(join(import.meta.dir, "access-log-output.ts"))}
const output = openLogOutput(process.argv[1])
const written = (text) => new Promise((resolve) => output.write(Buffer.from(text), resolve))
const failures = [await written("a".repeat(1009) + "\\n"), await written("b".repeat(20) + "\\n")]
truncateSync(process.argv[1], 1012)
failures.push(await written("c\\n"), await written("d\\n"))
console.log(JSON.stringify(failures))`
    // One block of 1024 bytes: the second line is cut in its middle.
    const command = `ulimit -f 1; exec "$0" -e "$1" "$2"`
    const child = Bun.spawn(["bash", "-c", command, process.execPath, script, path], { stdout: "pipe" })
    const failures: unknown = JSON.parse(await child.stdout.text())
    expect(failures).toEqual([null, expect.stringContaining("EFBIG"), null, null])
    expect((await readFile(path, "utf8")).slice(1008)).toBe("a\nbb\nc\nd\n")
  })
})
