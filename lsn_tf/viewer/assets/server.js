// What the page asks of its server.

export async function getJson(address) {
  return told(await fetch(address));
}

export async function post(address, asked = {}) {
  const headers = { "content-type": "application/json" };
  return told(await fetch(address, { method: "POST", headers, body: JSON.stringify(asked) }));
}

export async function getDepths(address) {
  const answer = await fetch(address);
  if (!answer.ok) await told(answer);
  return new Int8Array(await answer.arrayBuffer());
}

async function told(answer) {
  const type = answer.headers.get("content-type") || "";
  if (answer.ok) return answer.json();
  throw new Error(type.includes("json") ? (await answer.json()).error : await answer.text());
}
