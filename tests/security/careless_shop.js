// A shop that passes on whatever it is sent, as nobody should, and as some do.
DataRepository.define("notes", { owner: true });
DataRepository.define("orders", { tenant: true });
DataRepository.define("stock", { schema: { type: "object", properties: { name: { type: "string" }, price: { type: "number" } } }, unique: [["name"]], index: [["price"]] });

// data
app.post("/data/:method", async (req) => {
  const given = req.body;
  const found = await DataRepository[req.params.method](...given);
  return { found: found ?? null };
});
app.post("/calls", async (req) => Promise.all(req.body.map(async ([method, args]) => {
  try { return { found: (await DataRepository[method](...args)) ?? null }; }
  catch (error) { return { code: error.code ?? error.name, message: error.message, hint: error.hint, details: error.details }; }
})));
app.post("/search", async (req) => ({ found: await DataRepository.sql`SELECT name FROM stock WHERE name = ${req.body.name} ORDER BY name` }));
app.post("/order", async (req) => ({ found: await DataRepository.sql(Object.assign([req.body.text], { raw: [req.body.text] })) }));
app.post("/sign-in-by-filter", async (req) => {
  const found = await DataRepository.first("members", { name: req.body.name, pin: req.body.pin });
  return found ? { member: found.name } : Response.error(401, "No.");
});

// people
app.post("/register", (req) => Auth.register(req.body.username, req.body.password, req.body));
app.post("/login", async (req) => { await Auth.login(req.body.username, req.body.password); return "in"; });
app.post("/token", async (req) => { await Auth.login(req.body.username, req.body.password); return Auth.issueToken(req.body.options ?? {}); });
app.post("/notes", async (req) => { await DataRepository.create("notes", req.body); return "noted"; }).require();
app.get("/me", (req) => ({ user: req.user?.username ?? null, roles: req.user?.roles ?? [], tenant: req.user?.tenant ?? null }));
app.get("/admin", () => "the admin's").require("admin");
app.get("/visit", (req) => { const seen = req.session.get("seen") ?? 0; req.session.set("seen", seen + 1); return { seen }; });

// what comes back
app.all("/echo", (req) => ({ body: req.body ?? null, query: req.query, cookies: req.cookies, keys: Object.keys(req.body ?? {}) }));
app.all("/clean", (req) => ({ polluted: ({}).polluted ?? null, admin: ({}).isAdmin ?? null, list: [].polluted ?? null, text: "".polluted ?? null,
  own: Object.getPrototypeOf({}) === Object.prototype, prototype: Object.keys(Object.prototype) }));
app.post("/merge", (req) => {
  const merge = (to, from) => { for (const key in from) { if (typeof from[key] === "object" && from[key]) merge(to[key] ??= {}, from[key]); else to[key] = from[key]; } return to; };
  merge({}, req.body);
  return { here: ({}).polluted ?? null };
});
app.get("/page", (req) => html`<!doctype html><title>${req.query.v}</title><p id="${req.query.v}" title='${req.query.v}'>${req.query.v}</p><a href="${req.query.v}">x</a><script>var v = ${req.query.v};</script>`);
app.get("/text", (req) => String(req.query.v));
app.get("/thrown", (req) => { throw new Error(String(req.query.v)); });
app.get("/refused", (req) => Response.error(400, String(req.query.v)));
app.get("/moved", (req) => Response.redirect(String(req.query.v)));
app.get("/header", (req) => new Response("ok", { headers: { "x-echo": String(req.query.v) } }));
app.get("/cookie", (req) => new Response("ok", { headers: { "set-cookie": `theme=${req.query.v}; Path=/` } }));
app.post("/upload", async (req) => ({ files: await Promise.all(req.files.map(async (one) => ({ name: one.filename, type: one.contentType, id: (await one.save()).id }))) }));
app.get("/file/:id", (req) => Response.file(req.params.id, { download: req.query.as }));
app.get("/asset", (req) => Response.file(String(req.query.v)));
app.get("/read", async (req) => (await Assets.read(String(req.query.v))).text());
app.get("/write", async (req) => { await Assets.write(String(req.query.v), "written by a stranger"); return "written"; });
app.get("/items/:name", (req) => ({ name: req.params.name }));
app.get("/tree/*path", (req) => ({ path: req.params.path }));
app.get("/get", async (req) => { const got = await fetch(String(req.query.v), { signal: AbortSignal.timeout(3000) }); return { status: got.status, text: (await got.text()).slice(0, 2000) }; });
