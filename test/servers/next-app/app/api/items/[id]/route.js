export async function GET(_request, { params }) {
  const { id } = await params
  if (id === 'bad') throw new Error('thrown')
  return Response.json({ id })
}

export async function POST(request) {
  return Response.json(await request.json(), { status: 201 })
}
