// Twenty accounts, and a line for every transfer between two of them.
const ACCOUNTS = 20, START = 100;

async function initAccounts() {
  for (let n = 0; n < ACCOUNTS; n++) {
    const id = `account-${n}`;
    if (!(await DataRepository.get("accounts", id))) await DataRepository.upsert("accounts", { id, balance: START, moves: 0 });
  }
}

app.post("/note", async (req) => DataRepository.create("notes", { n: req.body.n, text: "x".repeat(req.body.size) }));

app.post("/count/:id", async (req) => DataRepository.modify("accounts", req.params.id, { $inc: { counted: 1 } }));

app.post("/move", async (req) => {
  const { from, to, amount } = req.body;
  return DataRepository.transaction(async (tx) => {
    const payer = await tx.get("accounts", from);
    if (payer.balance < amount) return { id: null };
    const payee = await tx.get("accounts", to);
    await tx.update("accounts", from, { balance: payer.balance - amount, moves: payer.moves + 1 });
    const line = await tx.create("lines", { from, to, amount });
    await tx.update("accounts", to, { balance: payee.balance + amount, moves: payee.moves + 1 });
    return { id: line.id };
  });
});
