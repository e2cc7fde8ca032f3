app.post("/notes", (req) => DataRepository.create("notes", req.body));

app.post("/load/:table", async (req) => {
  const made = await DataRepository.createMany(req.params.table, req.body);
  return { made: made.length };
});

app.get("/orders/:table/:id", (req) => DataRepository.get(req.params.table, req.params.id));

app.get("/orders/:table", (req) => {
  const { status, least, below } = req.query;
  const amount = { $gte: Number(least), $lt: Number(below) };
  return DataRepository.query(req.params.table, { status, amount }, { sort: "-amount", limit: 20 });
});
