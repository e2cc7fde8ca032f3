const express = require("express");
const app = express();
app.get("/hello", (req, res) => res.json({ message: "Hello, world!", items: [1, 2, 3] }));
const server = app.listen(0, "127.0.0.1", () => console.log(`ready on ${server.address().port}`));
