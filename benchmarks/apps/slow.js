// Handlers that wait: a request is under way for 300 ms.
app.get("/slow", async () => {
  await new Promise((go) => setTimeout(go, 300));
  return { late: true };
});
