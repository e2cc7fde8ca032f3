// MCP

declare function registerMCPTool(name: string, description: string, inputSchema: JsonSchema, handler: (args: any, ctx: { user: User | null; progress(done: number, total?: number): void; signal: AbortSignal }) => any,
  options?: { output?: JsonSchema; roles?: string[]; readOnly?: boolean; destructive?: boolean }): void;
/** uri may be a template, "inventory://products/{productId}". The handler gets (uri, params). */
declare function registerMCPResource(uri: string, name: string, description: string, handler: (uri: string, params: Record<string, string>) => Awaitable<{ mimeType?: string; content: any } | string>,
  options?: { roles?: string[]; list?: () => Awaitable<{ uri: string; name: string }[]> }): void;
/** Messages may have role "system": it is delivered as a leading user message, MCP having no such role. */
declare function registerMCPPrompt(name: string, description: string, args: { name: string; description?: string; required?: boolean; complete?: (prefix: string) => Awaitable<string[]> }[], handler: (args: any) => Awaitable<{ messages: { role: string; content: any }[] }>): void;
declare function notifyResourceChanged(uri: string): Promise<void>;
/** Calls out to another MCP server; `auth` takes Secrets.get(...). */
declare class McpClient { constructor(url: string, options?: { auth?: string }); listTools(): Promise<any[]>; callTool(name: string, args: any): Promise<any>; readResource(uri: string): Promise<any>; getPrompt(name: string, args?: any): Promise<any> }
