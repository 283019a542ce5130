export async function getServerSideProps({ params }) {
  return { props: { slug: params.slug } }
}

export default function Old({ slug }) {
  return <p>old {slug}</p>
}
