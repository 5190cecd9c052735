/** What `portcullis version` prints. */
import { version } from "../../package.json"

export const portcullisVersion: string = version

/** `portcullis 0.1.0 (bun 1.4.4, linux x64)` */
export function renderVersion(): string {
  return `portcullis ${portcullisVersion} (bun ${Bun.version}, ${process.platform} ${process.arch})`
}
