app.get("/hello", () => ({ hello: "world" }));
app.post("/register", (req) => Auth.register(req.body.username, req.body.password));
app.post("/login", (req) => Auth.login(req.body.username, req.body.password));
