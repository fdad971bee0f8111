/**
 * A VM is a small whole number to policies and strategies, dense from 0, so that they can index arrays with it.
 * The host keeps the names. {@link HOST} is the host itself, which is a source of requests too.
 */
export type VmId = number;

/** The host's own requests (scans, migration, administration). */
export const HOST: VmId = 0;
