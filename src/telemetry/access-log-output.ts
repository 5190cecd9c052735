/**
 * Where access log bytes go: a file that is appended to, or stdout. Writing is asynchronous (the runtime's thread pool),
 * so a slow disk or a stalled pipe never holds up the event loop.
 */
import { close, openSync, write } from "node:fs"

export interface LogOutput {
  /** Writes all of `bytes`, then calls `done` once: null = written. The caller waits for `done` before the next write. */
  write(bytes: Uint8Array, done: (failure: string | null) => void): void
  /** Opens the path anew, so that a rotated file is let go. @returns what went wrong; then the old file stays in use. */
  reopen(): string | null
  close(): void
}

const stdoutFd = 1
/** A full non-blocking pipe is tried again after this long. */
const retryDelayMs = 50

/** @param path a file, or `-` for stdout. @returns the output, or why the file cannot be opened. */
export function openLogOutput(path: string): LogOutput | { readonly error: string } {
  if (path === "-") return new DescriptorOutput(stdoutFd, null)
  const fd = openForAppend(path)
  return typeof fd === "number" ? new DescriptorOutput(fd, path) : fd
}

function openForAppend(path: string): number | { readonly error: string } {
  try {
    return openSync(path, "a", 0o640)
  } catch (error) {
    return { error: `cannot open ${path}: ${reasonOf(error)}` }
  }
}

const lineFeed = Buffer.from("\n")

class DescriptorOutput implements LogOutput {
  #fd: number
  /** The descriptor of the write under way; -1 = none. It outlives a reopen() until that write is done. */
  #writingFd = -1
  /** A write failed within a line (a full disk takes a part of what it is given): the next line begins on one of its own. */
  #isTorn = false
  readonly #path: string | null

  constructor(fd: number, path: string | null) {
    this.#fd = fd
    this.#path = path
  }

  write(bytes: Uint8Array, done: (failure: string | null) => void): void {
    const fd = this.#fd
    this.#writingFd = fd
    const whole = this.#isTorn ? Buffer.concat([lineFeed, bytes]) : bytes
    writeAll(fd, whole, 0, (failure, written) => {
      this.#writingFd = -1
      if (written > 0) this.#isTorn = whole[written - 1] !== lineFeed[0]
      if (fd !== this.#fd) {
        closeQuietly(fd)
        this.#isTorn = false
      }
      done(failure)
    })
  }

  reopen(): string | null {
    if (this.#path === null) return null
    const opened = openForAppend(this.#path)
    if (typeof opened !== "number") return opened.error
    const old = this.#fd
    this.#fd = opened
    if (old === this.#writingFd) return null
    closeQuietly(old)
    this.#isTorn = false
    return null
  }

  close(): void {
    if (this.#path !== null) closeQuietly(this.#fd)
  }
}

function writeAll(
  fd: number,
  bytes: Uint8Array,
  offset: number,
  done: (failure: string | null, written: number) => void,
): void {
  write(fd, bytes, offset, bytes.length - offset, null, (error, written) => {
    if (error === null || error === undefined) {
      const end = offset + written
      if (end < bytes.length) writeAll(fd, bytes, end, done)
      else done(null, end)
    } else if (error.code === "EAGAIN") {
      setTimeout(() => writeAll(fd, bytes, offset, done), retryDelayMs)
    } else {
      done(reasonOf(error), offset)
    }
  })
}

function closeQuietly(fd: number): void {
  // Every byte has been handed to the system by now: a failing close has nothing to say that we could act on.
  close(fd, () => {})
}

/** `ENOENT: no such file or directory`: the system's words, without the call and the path behind them. */
function reasonOf(error: unknown): string {
  return error instanceof Error ? error.message.replace(/, \w+(?: '.*')?$/, "") : String(error)
}
