export const dynamic = 'force-dynamic'

export default async function Page({ params }) {
  const { id } = await params
  await new Promise((resolve) => setTimeout(resolve, 2))
  return <p>user {id}</p>
}
