// Questions to the server; addresses are relative, since the token is a part of the page's own.

export class Refusal extends Error {
  constructor(status, message) {
    super(message);
    this.status = status;
  }
}

export function address(path, values = {}) {
  const known = Object.entries(values).filter(([, value]) => value !== null && value !== undefined && value !== "");
  return known.length ? `${path}?${new URLSearchParams(known)}` : path;
}

async function checked(answer) {
  if (answer.ok) return answer;
  let message = `${answer.status} ${answer.statusText}`;
  try {
    message = (await answer.json()).error ?? message;
  } catch { /* no JSON: the status says it */ }
  throw new Refusal(answer.status, message);
}

export const ask = async (path, values) => (await checked(await fetch(address(path, values)))).json();

export const askBytes = async (path, values, signal) =>
  (await checked(await fetch(address(path, values), { signal }))).arrayBuffer();

export async function send(path, value) {
  const headers = { "Content-Type": "application/json" };
  const answer = await fetch(path, { method: "POST", headers, body: JSON.stringify(value), keepalive: false });
  if (answer.status === 503) return answer.json();
  return (await checked(answer)).json();
}
