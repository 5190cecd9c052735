import { expect, test } from "bun:test"
import { chmod, mkdtemp, rm, writeFile } from "node:fs/promises"
import { tmpdir } from "node:os"
import { join } from "node:path"
import { requireTool } from "./peer-tools.ts"

test("a tool on the path is found and leaves the test's name alone", async () => {
  const folder = await mkdtemp(join(tmpdir(), "peer-tools-"))
  try {
    await writeFile(join(folder, "nginx"), "#!/bin/sh\n")
    await chmod(join(folder, "nginx"), 0o755)
    const nginx = requireTool("nginx", folder)
    expect(nginx.path).toBe(join(folder, "nginx"))
    expect(nginx.named("it serves")).toBe("it serves")
  } finally {
    await rm(folder, { recursive: true })
  }
})

test("a missing tool is null, and the test's name says which one is missing", () => {
  const nginx = requireTool("nginx", "/nonexistent")
  expect(nginx.path).toBeNull()
  expect(nginx.named("it serves")).toBe("it serves [skipped: nginx is not installed]")
})
