const declared = {
  schema: {
    type: "object",
    properties: {
      status: { type: "string" },
      amount: { type: "number" },
      quantity: { type: "integer" },
      paid: { type: "boolean" },
      customer: { type: "string" },
    },
  },
};
DataRepository.define("small_declared", declared);
DataRepository.define("large_declared", declared);

const totals = {
  large: () =>
    DataRepository.sql`SELECT status, avg(amount) AS average, count(*) AS number FROM large GROUP BY status`,
  large_declared: () =>
    DataRepository.sql`SELECT status, avg(amount) AS average, count(*) AS number FROM large_declared GROUP BY status`,
};

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

app.get("/totals/:table", (req) => totals[req.params.table]());
