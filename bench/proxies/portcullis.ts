/** The gateway itself, from its sources or as the single binary. */
import { join } from "node:path"
import { virtualServiceDocuments } from "../gateway-configuration.ts"
import type { Command } from "../measured-process.ts"
import type { Peer, ProxyPlan } from "./proxy.ts"

const projectFolder = join(import.meta.dir, "../..")

/** How to start the gateway: the sources under this Bun, or `dist/portcullis`. */
export function portcullisCommand(useBinary: boolean): string[] {
  return useBinary ? [join(projectFolder, "dist/portcullis")] : [process.execPath, join(projectFolder, "src/main.ts")]
}

/**
 * The gateway as one of the proxies under comparison.
 * @param firstRule as in `GatewayPlan`
 */
export function portcullis(useBinary: boolean, name = "portcullis", firstRule = ""): Peer {
  const command = portcullisCommand(useBinary)
  return {
    name,
    tls: null,
    readVersion() {
      const run = Bun.spawnSync([...command, "version"])
      return run.success ? `${run.stdout.toString().trim().split("\n")[0]} (${useBinary ? "binary" : "sources"})` : null
    },
    prepare: (plan) => preparePortcullis({ ...plan, firstRule }, command),
  }
}

/** @param tls as in `GatewayPlan` */
export async function preparePortcullis(
  plan: ProxyPlan & { readonly firstRule?: string },
  command: readonly string[],
  tls?: string,
): Promise<Command> {
  const file = join(plan.folder, "routes.yaml")
  await Bun.write(file, virtualServiceDocuments(tls === undefined ? plan : { ...plan, tls }))
  const quiet = ["--access-log", "off", "--admin", "off", "--status-port", "off", "--no-watch", "--log-level", "error"]
  return { argv: [...command, "run", "-f", file, "--bind", "127.0.0.1", ...quiet], environment: {} }
}
