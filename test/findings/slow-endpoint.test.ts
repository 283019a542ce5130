import { describe, expect, it } from 'vitest'
import { findAll } from '../../src/analysis/find.ts'
import slowEndpoint from '../../src/analysis/findings/slow-endpoint.ts'
import { recordingOf, type Node } from '../support/recording.ts'

const request = (ms: number): Node => ({
  name: 'GET /search', layer: 'http', ms: [0, ms], attributes: { 'http.request.method': 'GET', 'http.route': '/search' },
  children: [{ name: 'rank', layer: 'tool', ms: [1, ms * 0.8] }, { name: 'GET', layer: 'cache', ms: [ms * 0.8, ms * 0.85] }],
}) // prettier-ignore

describe('slow-endpoint', () => {
  it('names the endpoint and the call that takes most of it', async () => {
    expect(await findAll(await recordingOf([request(700), request(800)]), [slowEndpoint])).toMatchObject([
      { severity: 'high', title: 'GET /search takes 795 ms at p95, most of it in tool rank', cost: { calls: 2, total_ms: 1500 } },
    ])
  })

  it('looks below the request only: not at who called it from another service of the session', async () => {
    const inner: Node = {
      name: 'POST /rank', layer: 'http', kind: 'server', ms: [30, 690], attributes: { 'http.request.method': 'POST', 'http.route': '/rank' },
      children: [{ name: 'SELECT ranks', layer: 'db', ms: [31, 100] }],
    } // prettier-ignore
    const outer: Node = {
      name: 'GET /search', layer: 'http', kind: 'server', ms: [0, 3000], attributes: { 'http.request.method': 'GET', 'http.route': '/search' },
      children: [{ name: 'render', layer: 'tool', ms: [1, 2900] }, { name: 'POST', layer: 'http', kind: 'client', ms: [20, 700], children: [inner] }],
    } // prettier-ignore
    const titles = (await findAll(await recordingOf([outer]), [slowEndpoint])).map(({ title }) => title)
    expect(titles).toContain('POST /rank takes 660 ms at p95, the largest part of it in db SELECT ranks')
    expect(titles).toContain('GET /search takes 3000 ms at p95, most of it in tool render')
  })

  it('is silent about fast ones', async () => {
    expect(await findAll(await recordingOf([request(100), request(120)]), [slowEndpoint])).toEqual([])
  })
})
