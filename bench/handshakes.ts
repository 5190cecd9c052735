#!/usr/bin/env bun
/**
 * Full TLS handshakes, one after the other on a few connections at once, by `openssl s_time`: the load of the scenarios
 * `handshakes` and `mutual-handshakes`, and by itself against any server:
 *   bun bench/handshakes.ts HOST:PORT [SECONDS] [CERTIFICATE KEY]
 */
import { findProgram } from "./proxies/proxy.ts"

/** Each does one handshake at a time; two keep a single-threaded server busy. */
const clientCount = 2

export interface HandshakeFigures {
  readonly handshakes: number
  readonly handshakesPerSecond: number
}

/** @param identity files of the client's certificate (with its chain) and key; null = none. Throws when openssl cannot be run. */
export async function runHandshakes(
  address: string,
  durationSeconds: number,
  identity: { readonly certificateFile: string; readonly keyFile: string } | null,
): Promise<HandshakeFigures> {
  const own = identity === null ? [] : ["-cert", identity.certificateFile, "-key", identity.keyFile]
  const command = [findProgram("openssl") ?? "openssl", "s_time", "-connect", address, "-new"]
  const clients = Array.from({ length: clientCount }, () =>
    // Only with a request does a TLS 1.3 client learn that its certificate was accepted.
    Bun.spawn([...command, "-time", String(durationSeconds), "-www", "/", ...own], {
      stdin: "ignore",
      stdout: "pipe",
      stderr: "pipe",
    }),
  )
  const outputs = await Promise.all(clients.map((client) => client.stdout.text()))
  const counts = outputs.map(parseHandshakes)
  const handshakes = counts.reduce((sum, count) => sum + count, 0)
  if (handshakes === 0) throw new Error(`no handshake succeeded: ${outputs.join("")}`)
  return { handshakes, handshakesPerSecond: handshakes / durationSeconds }
}

/** `1234 connections in 5 real seconds, …`; 0 when there is none. */
export function parseHandshakes(output: string): number {
  return Number(/^(\d+) connections in \d+ real seconds/m.exec(output)?.[1] ?? 0)
}

if (import.meta.main) {
  const [address = "", seconds = "5", certificateFile, keyFile] = process.argv.slice(2)
  if (!/^\S+:\d+$/.test(address) || !(Number(seconds) > 0)) {
    console.error("usage: bun bench/handshakes.ts HOST:PORT [SECONDS] [CERTIFICATE KEY]")
    process.exit(2)
  }
  const identity = certificateFile === undefined || keyFile === undefined ? null : { certificateFile, keyFile }
  const { handshakes, handshakesPerSecond } = await runHandshakes(address, Number(seconds), identity)
  console.log(`${handshakes} handshakes, ${handshakesPerSecond.toFixed(0)} per second`)
}
