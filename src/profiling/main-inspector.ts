import type { Session } from 'node:inspector'

type Inspector = typeof import('node:inspector')

/**
 * A connection of the writer thread to the inspector of the main thread, which answers also while JavaScript blocks that thread. It is made
 * on demand and closed at once: one that is left open makes Node say "Waiting for the debugger to disconnect..." at the end.
 */
export class MainInspector {
  private readonly session: Session
  private isOpen = true

  private constructor(session: Session) {
    this.session = session
  }

  /** Connects; undefined where Node was built without an inspector, or denies it (the permission model: trying aborts the process). */
  static connect(load: NodeJS.Require = require): MainInspector | undefined {
    if ((process as { permission?: unknown }).permission !== undefined) return undefined
    try {
      const session = new (load('node:inspector') as Inspector).Session()
      session.connectToMainThread()
      const connection = new MainInspector(session)
      // The main thread ends while this is open: it tells instead of printing, and is let go.
      session.on('NodeRuntime.waitingForDisconnect', () => connection.close())
      void connection.post('NodeRuntime.notifyWhenWaitingForDisconnect', { enabled: true })
      return connection
    } catch {
      return undefined
    }
  }

  /** Sends a command; undefined when it failed. The caller must have a timer that keeps this thread alive: the answer alone does not. */
  async post<Result>(method: string, parameters: object = {}): Promise<Result | undefined> {
    if (!this.isOpen) return undefined
    return await new Promise((resolve) => {
      try {
        this.session.post(method, parameters, (error: Error | null, result?: object) =>
          resolve(error === null ? (result as Result) : undefined),
        )
      } catch {
        resolve(undefined)
      }
    })
  }

  /** Listens to a notification. */
  on(event: string, listener: (message: { params: unknown }) => void): void {
    this.session.on(event, listener as (message: object) => void)
  }

  /** Lets the main thread go; safe to repeat. */
  close(): void {
    if (!this.isOpen) return
    this.isOpen = false
    try {
      this.session.disconnect()
    } catch {
      // it has ended already
    }
  }
}
