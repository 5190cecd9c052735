#!/usr/bin/env bun
/** The executable: arguments to a command, and its exit code to the system. */
import { runCommandLine } from "./cli/command-line.ts"
import { createTerminal } from "./cli/terminal.ts"

const terminal = createTerminal(process.env)
const code = await runCommandLine(process.argv.slice(2), process.env, terminal)
// All output has been written by now. What is still open (a stalled log, a client that will not go) must not hold us.
process.exit(code === 0 && terminal.hasFailed ? 1 : code)
