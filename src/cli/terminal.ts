/** The process's streams as commands see them; tests give their own. */

export interface Terminal {
  /** stdout: what the command was asked for. Resolves when written. */
  out(text: string): Promise<void>
  /** stderr: everything about how it went. */
  err(text: string): Promise<void>
  readonly useColor: boolean
  /** On stderr, which may go elsewhere. */
  readonly useErrorColor: boolean
}

/** The real one knows whether something that was asked for was lost on its way to stdout. */
export interface ProcessTerminal extends Terminal {
  readonly hasFailed: boolean
}

export function createTerminal(environment: Readonly<Record<string, string | undefined>>): ProcessTerminal {
  let hasFailed = false
  const err = async (text: string): Promise<void> => {
    // Where stderr is lost there is nobody left to tell, and what a command was asked for is on stdout.
    await write(Bun.stderr, text)
  }
  return {
    out: async (text) => {
      const failure = await write(Bun.stdout, text)
      if (failure === "") return
      hasFailed = true
      await err(`portcullis: stdout cannot be written: ${failure}\n`)
    },
    err,
    useColor: wantsColor(environment, process.stdout.isTTY === true),
    useErrorColor: wantsColor(environment, process.stderr.isTTY === true),
    get hasFailed() {
      return hasFailed
    },
  }
}

/** NO_COLOR (no-color.org) and FORCE_COLOR win over what the stream is. */
function wantsColor(environment: Readonly<Record<string, string | undefined>>, isTerminal: boolean): boolean {
  const { NO_COLOR: noColor, FORCE_COLOR: forceColor, TERM: term } = environment
  if (noColor !== undefined && noColor !== "") return false
  if (forceColor !== undefined && forceColor !== "" && forceColor !== "0") return true
  return term !== "dumb" && isTerminal
}

/** @returns why the text is lost; "" = it is not. */
async function write(stream: Bun.BunFile, text: string): Promise<string> {
  if (text === "") return ""
  try {
    await Bun.write(stream, text)
    return ""
  } catch (error) {
    // The reader has gone (`portcullis check | head`): what it did not want to read is not an error.
    if (error instanceof Error && "code" in error && error.code === "EPIPE") return ""
    return error instanceof Error ? error.message : String(error)
  }
}
