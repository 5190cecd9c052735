#!/usr/bin/env bun
/** The executable: arguments to a command, and its exit code to the system. */
import { runCommandLine } from "./cli/command-line.ts"
import { createTerminal } from "./cli/terminal.ts"

const code = await runCommandLine(process.argv.slice(2), process.env, createTerminal(process.env))
// All output has been written by now. What is still open (a stalled log, a client that will not go) must not hold us.
process.exit(code)
