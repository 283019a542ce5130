export declare const MATRIX: readonly { lib: string; version: string; node?: number; until?: number; with?: readonly string[] }[]
export declare function versionsFor(lib: string, major: number): string[]
export declare function installedModules(spec: string): string
/** Why the version cannot be installed for the Node under test. */
export declare function notInstallable(spec: string): string | undefined
