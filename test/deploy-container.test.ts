/** docs/deploy's Dockerfile and compose file: valid for their own tools, and about files and ports that there are. */
import { describe, expect, test } from "bun:test"
import { existsSync, readFileSync } from "node:fs"
import { join, normalize } from "node:path"
import { type Copy, DockerfileParser } from "dockerfile-ast"
import { validate } from "dockerfile-utils"
import { parse } from "yaml"
import { z } from "zod"
import packageJson from "../package.json"
import { collectFlagValues } from "../src/cli/flags.ts"
import { parseRunOptions, type RunOptions } from "../src/cli/options.ts"
import { isUsageError } from "../src/cli/usage-error.ts"
import { requireTool } from "./peer-tools.ts"

const root = join(import.meta.dir, "..")
const deploy = join(root, "docs/deploy")
const read = (name: string) => readFileSync(join(deploy, name), "utf8")
const compose = requireTool("docker-compose")

/** The options of `run`, started with these variables and nothing else. */
function runOptions(environment: Readonly<Record<string, string>>): RunOptions {
  const options = parseRunOptions(collectFlagValues("run", new Map(), environment))
  if (isUsageError(options)) throw new Error(options.message)
  return options
}

const dockerfile = DockerfileParser.parse(read("Dockerfile"))
const image = Object.fromEntries(
  dockerfile.getENVs().flatMap((env) => env.getProperties().map((each) => [each.getName(), each.getValue() ?? ""])),
)
const exposed = dockerfile
  .getInstructions()
  .flatMap((instruction) =>
    instruction.getKeyword() === "EXPOSE" ? instruction.getArguments().map((port) => Number(port.getValue())) : [],
  )

describe("the Dockerfile", () => {
  const sourcesOf = (copy: Copy) =>
    copy
      .getArguments()
      .slice(0, -1)
      .map((argument) => argument.getValue())
  const isFromContext = (copy: Copy) => copy.getFromFlag() === null
  const fromContext = dockerfile.getCOPYs().filter(isFromContext).flatMap(sourcesOf)

  test("is one to its language server", () => {
    expect(validate(read("Dockerfile")).map(({ message }) => message)).toEqual([])
    expect(validate("FROM a\nCOPPY a b")).not.toEqual([])
  })

  test("copies what is there, and what its ignore file lets through", () => {
    const [first, ...rest] = read("Dockerfile.dockerignore")
      .split("\n")
      .filter((line) => /^[^#]/.test(line))
    expect(first).toBe("*")
    expect(rest).toEqual(rest.filter((line) => line.startsWith("!")))
    expect(rest.map((line) => line.slice(1)).toSorted()).toEqual(fromContext.toSorted())
    expect(fromContext.filter((source) => !existsSync(join(root, source)))).toEqual([])
  })

  test("copies from a stage what that stage's build writes", () => {
    const [stage] = dockerfile.getFROMs()
    expect(stage?.getBuildStage()).toBe("build")
    const copies = dockerfile.getCOPYs().filter((copy) => !isFromContext(copy))
    expect(copies.map((copy) => copy.getFromFlag()?.getValue())).toEqual(["build"])
    expect(packageJson.scripts.build).toContain("--outfile dist/portcullis")
    expect(copies.flatMap(sourcesOf)).toEqual(["/src/dist/portcullis"])
    const [entrypoint] = dockerfile.getENTRYPOINTs()
    expect(entrypoint?.getArgumentsContent()).toBe('["/usr/local/bin/portcullis"]')
    expect(copies.map((copy) => copy.getArguments().at(-1)?.getValue())).toEqual(["/usr/local/bin/portcullis"])
  })

  test("builds with the Bun that the project is made for", () => {
    const [stage] = dockerfile.getFROMs()
    expect(stage?.getImage()).toBe(`oven/${packageJson.packageManager.replace("@", ":")}`)
  })

  test("exposes the ports that its settings bind, all above 1023, for a user who is not root", () => {
    const { portMap, statusPort } = runOptions(image)
    expect(exposed).toEqual([...portMap.values(), statusPort ?? 0])
    expect(exposed.filter((port) => port < 1024)).toEqual([])
    expect(dockerfile.getFROMs().at(-1)?.getImage()).toEndWith(":nonroot")
  })
})

/** What of a compose file is looked at here. Whether the rest is right is for Docker's own command to say. */
const composeFile = z.object({
  services: z.object({
    gateway: z.object({
      build: z.object({ context: z.string(), dockerfile: z.string() }),
      ports: z.array(z.string()),
      environment: z.record(z.string(), z.string()),
      volumes: z.array(z.string()),
      read_only: z.literal(true),
      cap_drop: z.tuple([z.literal("ALL")]),
      stop_grace_period: z.string().regex(/^\d+s$/),
    }),
  }),
})

describe("the compose file", () => {
  const { gateway } = composeFile.parse(parse(read("compose.yaml"))).services
  const options = runOptions({ ...image, ...gateway.environment })

  test.skipIf(compose.path === null)(compose.named("is one to docker-compose"), async () => {
    const command = [compose.path ?? "", "-f", "compose.yaml", "config", "--quiet"]
    const checked = Bun.spawn(command, { cwd: deploy, stderr: "pipe" })
    expect(await checked.stderr.text()).toBe("")
    expect(await checked.exited).toBe(0)
  })

  test("builds the image of the Dockerfile beside it", () => {
    expect(normalize(join(deploy, gateway.build.context))).toBe(`${root}/`.replace(/\/$/, ""))
    expect(gateway.build.dockerfile).toBe("docs/deploy/Dockerfile")
  })

  test("publishes the ports that are bound, the admin interface for this machine alone", () => {
    const published = gateway.ports.map((port) => port.split(":"))
    const inside = published.map((parts) => Number(parts.at(-1)))
    expect(inside).toEqual([...options.portMap.values(), options.admin?.port ?? 0])
    const [outside80, outside443, admin] = published
    expect([outside80?.[0], outside443?.[0]].map(Number)).toEqual([...options.portMap.keys()])
    expect(admin?.[0]).toBe("127.0.0.1")
  })

  test("mounts folders that are there, read only, where the gateway looks", () => {
    const mounts = gateway.volumes.map((volume) => volume.split(":"))
    expect(mounts.map(([, target]) => target)).toEqual([...options.files, options.secretsDir])
    expect(mounts.filter(([source = ""]) => !existsSync(join(deploy, source)))).toEqual([])
    expect(mounts.map(([, , mode]) => mode)).toEqual(["ro", "ro"])
  })

  test("waits longer than the drain before it kills", () => {
    expect(Number.parseInt(gateway.stop_grace_period, 10) * 1000).toBeGreaterThan(options.drainMs)
  })
})
