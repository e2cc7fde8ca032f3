/** Domain names for whatwg-url: the tables of IDNA are made for names that need them alone. */
interface Options { [name: string]: boolean | undefined }

const isPlain = (domain: string): boolean => !/[^\0-\x7f]|xn--/i.test(domain);

export function toASCII(domain: string, options: Options): string | null {
  return isPlain(domain) ? domain.toLowerCase() : __I.load("tr46").toASCII(domain, options);
}

export function toUnicode(domain: string, options: Options): { domain: string; error: boolean } {
  return isPlain(domain) ? { domain: domain.toLowerCase(), error: false } : __I.load("tr46").toUnicode(domain, options);
}
