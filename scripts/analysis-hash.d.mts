/** Hash of the sources below `root` that findings depend on. */
export function analysisHash(root: string): string
