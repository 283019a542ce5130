import type { Database } from './database.ts'
import { moveStaged } from './move-staged.ts'
import { ShapeTable } from './shape-table.ts'
import { Staging } from './staging.ts'

interface Half {
  staging: Staging
  shapes: ShapeTable
}

/** Two sets of staging tables: while DuckDB's threads store one, this thread fills the other. */
export class Batches {
  #filling: Half
  #resting: Half
  /** The batch being stored. */
  #storing: Promise<void> = Promise.resolve()

  private constructor(filling: Half, resting: Half) {
    this.#filling = filling
    this.#resting = resting
  }

  static async open(database: Database): Promise<Batches> {
    const [first, second] = [await Staging.create(database.connection), await Staging.create(await database.connect())]
    return new Batches(halfOf(first), halfOf(second))
  }

  get staging(): Staging {
    return this.#filling.staging
  }

  get shapes(): ShapeTable {
    return this.#filling.shapes
  }

  /**
   * Starts storing what was staged; waits only for the batch before it. One transaction at a time.
   * @param complete adds what is still missing of the batch
   */
  async commit(mayRepeat: boolean, complete: (staging: Staging) => Promise<void>): Promise<void> {
    const full = this.#filling
    await this.#storing
    this.#filling = halfOf(this.#resting.staging)
    this.#resting = full
    this.#storing = store(full.staging, mayRepeat, complete)
    // A failure is reported by whoever waits next; until then it must not count as unhandled.
    this.#storing.catch(() => {})
  }

  /** Waits until everything committed so far is stored; throws what went wrong. */
  settled(): Promise<void> {
    return this.#storing
  }

  async close(): Promise<void> {
    await this.#storing.catch(() => {})
    this.#filling.staging.close()
    this.#resting.staging.close()
  }
}

async function store(staging: Staging, mayRepeat: boolean, complete: (staging: Staging) => Promise<void>): Promise<void> {
  await complete(staging)
  staging.flush()
  await moveStaged(staging, mayRepeat)
}

const halfOf = (staging: Staging): Half => ({ staging, shapes: new ShapeTable(staging.table('shapes')) })
