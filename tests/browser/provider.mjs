// A real provider of OpenID Connect on a port of its own, which it says first. Then it reads its clients from
// standard input, since where they send people back to is known only after the issuer's address is.
import { once } from "node:events";
import { createServer } from "node:http";
import { createInterface } from "node:readline";
import Provider from "oidc-provider";

const people = {
  ada: { email: "ada@example.org", email_verified: true, groups: ["staff", "unknown"] },
  bob: { email: "bob@example.org", email_verified: false, groups: [] },
};

const server = createServer();
await once(server.listen(0, "127.0.0.1"), "listening");
const issuer = `http://127.0.0.1:${server.address().port}`;
process.stdout.write(`${issuer}\n`);

const lines = createInterface({ input: process.stdin });
const [clients] = await once(lines, "line");
const provider = new Provider(issuer, {
  clients: JSON.parse(clients),
  claims: { openid: ["sub"], profile: ["preferred_username"], email: ["email", "email_verified"], groups: ["groups"] },
  cookies: { keys: ["only for tests"] },
  findAccount: (_, id) => ({
    accountId: id,
    claims: () => ({ sub: id, preferred_username: id, ...people[id] }),
  }),
});
server.on("request", provider.callback());
process.stdout.write("ready\n");
lines.on("close", () => process.exit()); // with the tests that started it
