export declare const MATRIX: readonly { lib: string; version: string; node?: number; until?: number; with?: readonly string[] }[]
export declare function versionsFor(lib: string, major: number): string[]
export declare function installedModules(spec: string): string
