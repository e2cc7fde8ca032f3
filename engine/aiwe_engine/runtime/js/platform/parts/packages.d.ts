/** Packages that come without types. */
declare module "tr46" {
  type Options = { [name: string]: boolean | undefined };
  export function toASCII(domain: string, options?: Options): string | null;
  export function toUnicode(domain: string, options?: Options): { domain: string; error: boolean };
}
declare module "whatwg-url" {
  export const URL: { new (url: string, base?: string): any; prototype: object };
  export const URLSearchParams: { new (init?: unknown): any; prototype: object };
}
