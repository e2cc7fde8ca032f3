app.post("/notes", (req) => DataRepository.create("notes", req.body));
app.get("/notes/:id", (req) => DataRepository.get("notes", req.params.id));
