// Does with what another server answers all that one should not.

const kinds = {
  body: (key) => ({ method: "POST", body: key }),
  header: (key) => ({ headers: { "x-key": key } }),
  url: () => ({}),
  form: (key) => ({ method: "POST", body: new URLSearchParams({ key }) }),
  stream: (key) => ({ method: "POST", duplex: "half", body: ReadableStream.from([key.slice(0, 9), key.slice(9)].map((text) => new TextEncoder().encode(text))) }),
};

async function send(way, id, as = "body") {
  const key = Secrets.get(id);
  if (as === "basic") return await fetch(`SERVER/${way}`, { headers: { "x-key": Secrets.basic("me", id) } });
  return await fetch(`SERVER/${way}${as === "url" ? `?k=${key}` : ""}`, kinds[as](key));
}

function all(error) {
  return { name: error.name, message: error.message, code: error.code, hint: error.hint, details: error.details, stack: error.stack, cause: String(error.cause) };
}

async function seen(way, id, as) {
  const told = [];
  for (const one of [as ?? "body"]) {
    let pieces = "";
    try {
      const response = await send(way, id, one);
      told.push({ status: response.status, text: response.statusText, url: response.url, headers: [...response.headers], cookies: response.headers.getSetCookie() });
      const decoder = new TextDecoder();
      for await (const piece of response.body) {
        pieces += decoder.decode(piece, { stream: true });
        if (pieces.length > 60_000) break;
      }
    } catch (error) {
      told.push(all(error));
      console.error(error);
    }
    told.push(pieces);
  }
  return told;
}

app.get("/json/:way/:id", async (req) => {
  const told = await seen(req.params.way, req.params.id, req.query.as ?? "body");
  console.log(told);
  return told;
});
const text = async (req) => await (await send(req.params.way, req.params.id)).text();
app.get("/text/:way/:id", text);
app.get("/html/:way/:id", async (req) => Response.html("<p>" + await text(req)));
app.get("/pass/:way/:id", (req) => send(req.params.way, req.params.id));
app.get("/redirect/:way/:id", async (req) => Response.redirect("/?k=" + encodeURIComponent((await text(req)).slice(0, 2000)), 302));
app.get("/cookie/:way/:id", async (req) => {
  const told = (await text(req)).slice(0, 1000);
  req.session.set("told", told);
  return new Response("x", { headers: { "set-cookie": "told=" + encodeURIComponent(told), "x-told": btoa(encodeURIComponent(told)) } });
});
app.get("/stream/:way/:id", async (req) => {
  const told = new TextEncoder().encode(await text(req));
  return new Response(new ReadableStream({
    start(controller) {
      for (let at = 0; at < told.length; at += 97) controller.enqueue(told.slice(at, at + 97));
      controller.close();
    },
  }));
});
app.get("/thrown/:way/:id", async (req) => {
  throw Object.assign(new Error(await text(req)), { status: 418, details: { told: await text(req) } });
});
app.get("/kept/:way/:id", async (req) => {
  const told = await text(req);
  await DataRepository.create("kept", { told, key: Secrets.exists(req.params.id) });
  console.warn("narrow-s1", told);
  return "kept";
});
