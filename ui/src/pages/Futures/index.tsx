export default function Futures() {
  return <h1>Futures</h1>;
}
