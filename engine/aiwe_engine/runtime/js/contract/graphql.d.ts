// GraphQL

type Resolver = (args: any, ctx: { user: User | null; parent: any; env: string; signal: AbortSignal }) => any;
/** `sdl` is the field with its types, e.g. "tasks(status: String): [Task!]!  type Task { id: ID! title: String! }". */
declare function registerGraphQLQuery(name: string, sdl: string, resolver: Resolver): void;
declare function registerGraphQLMutation(name: string, sdl: string, resolver: Resolver): void;
/** Without a resolver: events come from sendSubscriptionMessage and are filtered on equal arguments. With one: its async iterable. */
declare function registerGraphQLSubscription(name: string, sdl: string, resolver?: Resolver): void;
declare function registerGraphQLSchema(sdl: string, resolvers: Record<string, Record<string, Resolver | { subscribe: Resolver }>>): void;
declare function sendSubscriptionMessage(name: string, data: any, options?: { to?: Filter }): Promise<number>;
