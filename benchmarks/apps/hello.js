app.get("/hello", () => ({ message: "Hello, world!", items: [1, 2, 3] }));
