// responses (WHATWG plus helpers)

interface ResponseConstructor {
  json(data: any, init?: ResponseInit): Response;
  html(markup: string | Html, init?: ResponseInit): Response;
  text(text: string, init?: ResponseInit): Response;
  redirect(url: string, status?: number): Response;
  file(file: StoredFile | string, init?: ResponseInit & { download?: boolean | string }): Response;
  stream(source: AsyncIterable<string | Uint8Array> | ReadableStream, init?: ResponseInit): Response;
  noContent(): Response;
  /** Without arguments WHATWG's network error; with a status the engine's error shape. Response.redirect takes relative urls too. */
  error(status?: number, message?: string): Response;
}
/** Tagged template: every ${value} is escaped for its place; arrays are joined; nested html`` is kept. */
declare function html(strings: TemplateStringsArray, ...values: unknown[]): Html;
interface Html { toString(): string }
declare function escapeHtml(text: unknown): string;
/** JSX makes Html at once, every value escaped for its place: `<p class={kind}>{text}</p>`. Components are functions of their properties. */
declare function h(tag: string | ((properties: any) => any), properties: Record<string, any> | null, ...children: any[]): Html;
declare function Fragment(properties: { children?: any }): Html;
declare namespace JSX {
  type Element = Html;
  interface ElementChildrenAttribute { children: {} }
  interface IntrinsicElements { [name: string]: any }
}
