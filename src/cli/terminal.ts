/** The process's streams as commands see them; tests give their own. */

export interface Terminal {
  /** stdout: what the command was asked for. Resolves when written. */
  out(text: string): Promise<void>
  /** stderr: everything about how it went. */
  err(text: string): Promise<void>
  readonly useColor: boolean
}

export function createTerminal(environment: Readonly<Record<string, string | undefined>>): Terminal {
  return {
    out: (text) => write(Bun.stdout, text),
    err: (text) => write(Bun.stderr, text),
    useColor: wantsColor(environment),
  }
}

/** NO_COLOR (no-color.org) and FORCE_COLOR win over what stdout is. */
function wantsColor(environment: Readonly<Record<string, string | undefined>>): boolean {
  const { NO_COLOR: noColor, FORCE_COLOR: forceColor, TERM: term } = environment
  if (noColor !== undefined && noColor !== "") return false
  if (forceColor !== undefined && forceColor !== "" && forceColor !== "0") return true
  return term !== "dumb" && process.stdout.isTTY === true
}

async function write(stream: Bun.BunFile, text: string): Promise<void> {
  if (text === "") return
  try {
    await Bun.write(stream, text)
  } catch {
    // The reader has gone (`portcullis check | head`): what it did not want to read is not an error.
  }
}
