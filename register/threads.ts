import workerThreads from 'node:worker_threads'

export const { isMainThread, parentPort, threadId } = workerThreads

/** True in Node's own threads (asynchronous loader hooks); undefined on Node 20. */
export const isInternalThread = (workerThreads as { isInternalThread?: boolean }).isInternalThread === true
