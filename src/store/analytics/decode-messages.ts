import type { PriceTable } from '../../semantics/prices.ts'
import type { Block } from '../codec/block.ts'
import type { Unreadable } from './stage-block.ts'
import type { StageName } from './staging.ts'

/** The tables that decoding threads fill. */
export const BULK_STAGES = ['spans', 'shapes', 'payloads'] as const satisfies readonly StageName[]

/** What a decoding thread is started with. */
export interface DecodeSetup {
  /** Tells the threads of one sync apart; from 1. */
  number: number
  /** Where its files go. */
  folder: string
  prices: Partial<PriceTable> | undefined
}

/** What a decoding thread is told: a block to stage, to hand over what it has staged, to end. */
export type DecodeOrder =
  { block: Pick<Block, 'strings' | 'thread' | 'data'>; processNumber: number; offsetNs: bigint | undefined } | 'hand over' | 'end'

/** Rows of one batch, as Parquet files with the columns of the staging tables. */
export interface DecodedParts {
  files: { stage: (typeof BULK_STAGES)[number]; file: string; rows: number }[]
  unreadable: Unreadable
}

/** What a decoding thread answers. */
export type DecodeReply = 'staged' | DecodedParts | { failed: string }
