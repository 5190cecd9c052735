/** Why a port of our own (admin, status) could not be listened on, in words for the user. */

export interface ListenFailure {
  readonly error: string
  readonly isAddressInUse: boolean
}

/** @param flag the flag that chose the port. @param place `127.0.0.1:15000`. */
export function listenFailure(flag: string, place: string, error: unknown): ListenFailure {
  const code = error instanceof Error && "code" in error ? error.code : ""
  if (code === "EADDRINUSE") return addressInUse(flag, place)
  return failure(flag, place, error instanceof Error ? error.message : String(error), false)
}

export function addressInUse(flag: string, place: string): ListenFailure {
  return failure(flag, place, "it is already in use", true)
}

function failure(flag: string, place: string, reason: string, isAddressInUse: boolean): ListenFailure {
  return { error: `cannot listen on ${place}: ${reason} (choose another with ${flag}, or ${flag} off)`, isAddressInUse }
}
