export function buildPackages(root: string, names: readonly string[]): Promise<void>;
export function packPackage(directory: string, destination: string): Promise<string>;
