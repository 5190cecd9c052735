/**
 * `@peculiar/x509` is built on decorators that expect the Reflect Metadata API, and refuses to load where it is missing.
 * These two functions are all it calls; the package that polyfills the whole API is not worth its weight for them.
 * Imported for its effect, before the package.
 */

const metadataOf = new WeakMap<object, Map<unknown, unknown>>()

function getMetadata(key: unknown, target: object): unknown {
  return metadataOf.get(target)?.get(key)
}

function defineMetadata(key: unknown, value: unknown, target: object): void {
  const metadata = metadataOf.get(target) ?? new Map<unknown, unknown>()
  metadata.set(key, value)
  metadataOf.set(target, metadata)
}

if (!("getMetadata" in Reflect)) {
  Object.assign(Reflect, { getMetadata, getOwnMetadata: getMetadata, defineMetadata })
}
