/** Installs the packages of `folder` when one of them is not there. Throws when npm fails. */
export declare function installMissing(folder: string): void
