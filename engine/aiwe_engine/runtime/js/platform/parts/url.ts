/** URL and URLSearchParams. */
import { URL, URLSearchParams } from "whatwg-url";

for (const kind of [URL, URLSearchParams]) {
  Object.defineProperty(kind.prototype, __I.shown, {
    value(this: any) {
      if (kind === URLSearchParams) return Object.fromEntries(this);
      const { href, origin, protocol, username, password, host, hostname, port, pathname, search, searchParams, hash } = this;
      return { href, origin, protocol, username, password, host, hostname, port, pathname, search, searchParams, hash };
    },
  });
  __I.webidl.markPlatform(kind);
}

export { URL, URLSearchParams };
