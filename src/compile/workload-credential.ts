/**
 * ISTIO_MUTUAL, of a Gateway's server as of a DestinationRule, is MUTUAL with the mesh's certificates (Istio semantics
 * sheet 1.8, 6.7). There is no mesh here that hands any out: both sides take them from the Secret of this name.
 */
export const workloadCredentialName = "istio-mutual"
