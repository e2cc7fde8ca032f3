/**
 * Which names a piece declares, which it uses, and which it uses while it loads. One walk collects
 * scopes and references, the end resolves them. Nothing here edits the text.
 */
import type { Node } from "./parse";
import { Problem } from "./problem";

export interface Analysis {
  /** Free identifiers, and the names of properties with a dot before them: `.stream`. */
  names: string[];
  declares: Record<string, string[]>;
  eager: string[];
  /** Declared names that are variables of the whole program: all but those of top-level loops. */
  hoisted: Set<string>;
  /** Assignments in functions to what outlives them: (name, offset). */
  stores: [name: string, at: number][];
}

class Scope {
  readonly names = new Map<string, string>();
  constructor(readonly parent: Scope | null, readonly holdsVars: boolean) {}
  declare(name: string, kind: string): void {
    if (kind !== "loop" || !this.names.has(name)) this.names.set(name, kind);
  }
}

interface Reference {
  name: string;
  scope: Scope;
  at: number;
  write: boolean;
  /** Top-level names whose definition this reference is part of. */
  owners: readonly string[];
  eager: boolean;
  /** What is used of it, as far as that tells registering from using: `messages.on`. */
  use: string;
  /** Assigned by a function that is neither an initialiser nor filling a cache. */
  store: boolean;
}

/** How the walk stands. */
interface State {
  scope: Scope;
  /** Top-level names that are being defined. */
  owners: readonly string[];
  /** May run while the piece loads. */
  eager: boolean;
  /** Inside a function that may run later, such as a handler. */
  later: boolean;
  /** `this` is not the global object. */
  ownThis: boolean;
  /** Inside `init` or `initSomething`. */
  initialises: boolean;
}

const GLOBAL_OBJECTS = new Set(["globalThis", "self", "window", "global"]);
/** Globals of which one use registers something and another does not. */
const REGISTRARS = new Set(["app", "messages", "Presence", "SharedDocs", "DataRepository"]);
const EVERYTHING = "*";
/** Functions given to these run at once. */
const IMMEDIATE = new Set(["forEach", "map", "flatMap", "filter", "reduce", "reduceRight", "sort", "toSorted", "find", "findIndex",
  "findLast", "findLastIndex", "some", "every", "from", "replace", "replaceAll", "groupBy", "then", "catch", "finally", "Promise"]);
const INITIALISER = /^init($|[A-Z_0-9])/;

export function analyse(program: Node, module: boolean): Analysis {
  return new Walk(program, module).result();
}

class Walk {
  private readonly top = new Scope(null, true);
  private readonly references: Reference[] = [];
  private readonly members = new Set<string>();
  private readonly assigned = new Set<string>();
  /** Names that an `if` around us looks at: `if (!cache) cache = …` is a cache, not a store. */
  private readonly guards: string[][] = [];

  constructor(program: Node, private readonly module: boolean) {
    if (module) for (const name of ["exports", "require"]) this.top.declare(name, "param");
    const state = { scope: this.top, owners: [], eager: true, later: false, ownThis: false, initialises: false };
    this.hoist(program.body, this.top, true);
    for (const statement of program.body) this.topLevel(statement, state);
  }

  result(): Analysis {
    const names = new Set(this.members), eager = new Set<string>();
    const declares: Record<string, Set<string>> = Object.create(null);
    const stores: [string, number][] = [];
    const hoisted = new Set([...this.top.names].filter(([, kind]) => kind !== "loop" && kind !== "using").map(([name]) => name));
    if (!this.module) for (const name of [...hoisted, ...this.assigned]) declares[name] = new Set();
    for (const reference of this.references) {
      const home = resolve(reference);
      if (home !== null && home !== this.top) continue;
      const { name, at } = reference;
      const use = home === null ? reference.use : name;
      if (home === null) names.add(name);
      if (reference.eager) eager.add(use);
      if (!this.module) for (const owner of reference.owners) declares[owner]?.add(use);
      if (!reference.write) continue;
      if (home?.names.get(name) === "const") throw assignsConstant(name, at);
      if (reference.store) stores.push([name, at]);
    }
    if (this.members.has(EVERYTHING)) eager.add(EVERYTHING);
    return {
      names: [...names].sort(),
      eager: [...eager].sort(),
      declares: Object.fromEntries(Object.entries(declares).map(([name, uses]) => [name, [...uses].sort()])),
      hoisted,
      stores,
    };
  }

  /** Top-level statements know which names they define. */
  private topLevel(node: Node, state: State): void {
    if (node.type === "FunctionDeclaration" || node.type === "ClassDeclaration") {
      return this.visit(node, { ...state, owners: [node.id.name] });
    }
    if (node.type === "VariableDeclaration") {
      for (const declarator of node.declarations) this.declarator(declarator, { ...state, owners: patternNames(declarator.id) });
      return;
    }
    const expression = node.type === "ExpressionStatement" ? node.expression : null;
    if (expression?.type === "AssignmentExpression" && expression.operator === "=") {
      const name = assignedGlobal(expression.left);
      if (name !== null && !this.top.names.has(name)) {
        this.assigned.add(name);
        return this.visit(node, { ...state, owners: [name] });
      }
    }
    this.visit(node, state);
  }

  /** Declares what the statements of a block declare; `var` and, at function level, functions go up. */
  private hoist(statements: Node[], scope: Scope, functionLevel: boolean): void {
    for (const node of statements) {
      if (node.type === "FunctionDeclaration") scope.declare(node.id.name, "function");
      else if (node.type === "ClassDeclaration") scope.declare(node.id.name, "class");
      else if (node.type === "VariableDeclaration" && node.kind !== "var") declarePattern(node, scope);
      else if (node.type === "ImportDeclaration") for (const item of node.specifiers) scope.declare(item.local.name, "import");
      if (functionLevel) this.hoistVars(node, scope);
    }
  }

  private hoistVars(node: Node, scope: Scope): void {
    if (isFunction(node) || node.type === "ClassBody" || /Expression$/.test(node.type)) return;
    if (node.type === "VariableDeclaration") {
      if (node.kind === "var") declarePattern(node, scope);
      return;
    }
    const head = scope === this.top ? loopHead(node) : null;
    if (head?.kind === "var") declarePattern(head, scope, "loop");
    for (const child of childrenOf(node)) if (child !== head) this.hoistVars(child, scope);
  }

  private visit(node: Node, state: State): void {
    switch (node.type) {
      case "Identifier": return this.refer(node, state, false);
      case "ThisExpression":
        if (!state.ownThis) this.members.add(EVERYTHING);
        return;
      case "FunctionDeclaration": case "FunctionExpression": case "ArrowFunctionExpression":
        return this.function(node, state, false, false);
      case "ClassDeclaration": case "ClassExpression": return this.class(node, state);
      case "BlockStatement": case "StaticBlock": return this.block(node.body, state);
      case "SwitchStatement":
        this.visit(node.discriminant, state);
        return this.block(node.cases.flatMap((item: Node) => item.consequent), state, node.cases.map((item: Node) => item.test));
      case "ForStatement": case "ForInStatement": case "ForOfStatement": return this.loop(node, state);
      case "CatchClause": return this.catch(node, state);
      case "VariableDeclaration":
        for (const declarator of node.declarations) this.declarator(declarator, state);
        return;
      case "AssignmentExpression": return this.assignment(node, state);
      case "UpdateExpression":
        if (node.argument.type === "Identifier") return this.refer(node.argument, state, true);
        return this.visit(node.argument, state);
      case "IfStatement": case "ConditionalExpression": case "LogicalExpression": return this.guarded(node, state);
      case "CallExpression": case "NewExpression": return this.call(node, state);
      case "MemberExpression": return this.member(node, state);
      case "Property": case "PropertyDefinition": case "MethodDefinition":
        if (node.computed) this.visit(node.key, state);
        if (node.value) this.visit(node.value, state);
        return;
      case "LabeledStatement": return this.visit(node.body, state);
      case "BreakStatement": case "ContinueStatement": case "ImportDeclaration": case "MetaProperty": return;
    }
    for (const child of childrenOf(node)) this.visit(child, state);
  }

  private call({ callee, arguments: args }: Node, state: State): void {
    const name = callee.type === "MemberExpression" && !callee.computed ? callee.property.name : callee.name;
    for (const child of [callee, ...args]) {
      if (isFunction(child)) this.function(child, state, true, child === callee || IMMEDIATE.has(name));
      else this.visit(child, state);
    }
  }

  private refer(node: Node, state: State, write: boolean, lazy = false): void {
    const { name } = node;
    const guarded = lazy || state.initialises || this.guards.some((names) => names.includes(name));
    this.note(node, name, state, name, write, write && state.later && !guarded);
    if (GLOBAL_OBJECTS.has(name) && !write) this.members.add(EVERYTHING);
  }

  private note(node: Node, name: string, state: State, use: string, write = false, store = false): void {
    const { scope, owners, eager } = state;
    this.references.push({ name, use, scope, at: node.start, owners, eager, write, store });
  }

  /** `globalThis.URL` names URL; any other use of the global object may reach anything. */
  private member(node: Node, state: State): void {
    const { object, property } = node;
    const key = !node.computed ? property.name : property.type === "Literal" ? String(property.value) : null;
    if (typeof key === "string") this.members.add(`.${key}`);
    if (object.type === "Identifier" && typeof key === "string") {
      if (GLOBAL_OBJECTS.has(object.name)) return this.note(object, key, { ...state, scope: this.top }, key);
      if (REGISTRARS.has(object.name)) return this.note(object, object.name, state, `${object.name}.${key}`);
    }
    this.visit(object, state);
    if (node.computed) this.visit(property, state);
  }

  private assignment(node: Node, state: State): void {
    const lazy = node.operator === "??=" || node.operator === "||=";
    for (const target of patternTargets(node.left)) {
      if (target.type === "Identifier") this.refer(target, state, true, lazy);
      else this.visit(target, state);
    }
    this.values(node.left, state);
    this.visit(node.right, state);
  }

  private declarator({ id, init }: Node, state: State): void {
    this.values(id, state);
    if (init) this.visit(init, state);
  }

  /** The expressions that a pattern evaluates, defaults and computed keys, and the properties it takes. */
  private values(pattern: Node | null, state: State): void {
    switch (pattern?.type) {
      case "ObjectPattern":
        for (const item of pattern.properties) {
          if (item.type === "RestElement") this.values(item.argument, state);
          else {
            if (item.computed) this.visit(item.key, state);
            else this.members.add(`.${item.key.name ?? item.key.value}`);
            this.values(item.value, state);
          }
        }
        return;
      case "ArrayPattern":
        for (const item of pattern.elements) this.values(item, state);
        return;
      case "AssignmentPattern":
        this.values(pattern.left, state);
        return this.visit(pattern.right, state);
      case "RestElement": return this.values(pattern.argument, state);
    }
  }

  private guarded(node: Node, state: State): void {
    const test = node.type === "LogicalExpression" ? node.left : node.test;
    this.visit(test, state);
    this.guards.push(identifiersOf(test));
    for (const child of node.type === "LogicalExpression" ? [node.right] : [node.consequent, node.alternate]) {
      if (child) this.visit(child, state);
    }
    this.guards.pop();
  }

  private block(statements: Node[], state: State, tests: (Node | null)[] = []): void {
    const inner = { ...state, scope: new Scope(state.scope, false) };
    this.hoist(statements, inner.scope, false);
    for (const test of tests) if (test) this.visit(test, inner);
    for (const statement of statements) this.visit(statement, inner);
  }

  private loop(node: Node, state: State): void {
    const inner = { ...state, scope: new Scope(state.scope, false) };
    const head = node.type === "ForStatement" ? node.init : node.left;
    if (head?.type === "VariableDeclaration") {
      if (head.kind !== "var") declarePattern(head, inner.scope);
      this.visit(head, inner);
    } else if (head && node.type !== "ForStatement") {
      this.assignment({ type: "AssignmentExpression", operator: "=", left: head, right: node.right, start: head.start, end: head.end }, inner);
    } else if (head) this.visit(head, inner);
    for (const child of [node.test, node.update, node.right, node.body]) if (child) this.visit(child, inner);
  }

  private catch(node: Node, state: State): void {
    const inner = { ...state, scope: new Scope(state.scope, false) };
    if (node.param) {
      for (const name of patternNames(node.param)) inner.scope.declare(name, "let");
      this.values(node.param, inner);
    }
    this.visit(node.body, inner);
  }

  private class(node: Node, state: State): void {
    const inner = { ...state, scope: new Scope(state.scope, false) };
    if (node.id) inner.scope.declare(node.id.name, "class");
    if (node.superClass) this.visit(node.superClass, inner);
    for (const item of node.body.body) {
      if (item.type === "PropertyDefinition" && item.value) {
        if (item.computed) this.visit(item.key, inner);
        this.visit(item.value, { ...inner, ownThis: true, eager: inner.eager && item.static });
      } else if (item.type === "StaticBlock") this.visit(item, { ...inner, ownThis: true });
      else this.visit(item, inner);
    }
  }

  /** `called`: callee or argument of a call, so that it may run while the piece loads; `atOnce`: it does. */
  private function(node: Node, state: State, called: boolean, atOnce: boolean): void {
    let scope = new Scope(state.scope, true);
    if (node.type === "FunctionExpression" && node.id) {
      scope.declare(node.id.name, "function");
      scope = new Scope(scope, true);
    }
    if (node.type !== "ArrowFunctionExpression") scope.declare("arguments", "param");
    const name = node.id?.name ?? (state.owners.length === 1 ? state.owners[0] : "");
    const inner: State = {
      scope,
      owners: state.owners,
      eager: state.eager && called,
      later: state.later || !atOnce,
      ownThis: state.ownThis || node.type !== "ArrowFunctionExpression",
      initialises: state.initialises || (!state.later && INITIALISER.test(name)),
    };
    for (const param of node.params) for (const bound of patternNames(param)) scope.declare(bound, "param");
    for (const param of node.params) this.values(param, inner);
    if (node.body.type !== "BlockStatement") return this.visit(node.body, inner);
    this.hoist(node.body.body, scope, true);
    for (const statement of node.body.body) this.visit(statement, inner);
  }
}

function resolve({ name, scope }: Reference): Scope | null {
  for (let at: Scope | null = scope; at !== null; at = at.parent) if (at.names.has(name)) return at;
  return null;
}

function assignsConstant(name: string, at: number): Problem {
  return new Problem("syntax_error", `Assignment to constant variable '${name}'`,
    `Declare it with 'let ${name}' if it is to change.`, at);
}

function assignedGlobal(left: Node): string | null {
  if (left.type === "Identifier") return left.name;
  const plain = left.type === "MemberExpression" && !left.computed && left.object.type === "Identifier";
  return plain && GLOBAL_OBJECTS.has(left.object.name) ? left.property.name : null;
}

function declarePattern(declaration: Node, scope: Scope, kind = declaration.kind.replace(/^await /, "")): void {
  for (const { id } of declaration.declarations) {
    for (const name of patternNames(id)) scope.declare(name, kind);
  }
}

/** The declaration in the head of a loop. */
export function loopHead(node: Node): Node | null {
  const head = node.type === "ForStatement" ? node.init : node.type === "ForInStatement" || node.type === "ForOfStatement" ? node.left : null;
  return head?.type === "VariableDeclaration" ? head : null;
}

export const isFunction = (node: Node): boolean =>
  node.type === "FunctionDeclaration" || node.type === "FunctionExpression" || node.type === "ArrowFunctionExpression";

export function* childrenOf(node: Node): Generator<Node> {
  for (const key in node) {
    const child = node[key];
    if (child === null || typeof child !== "object") continue;
    if (Array.isArray(child)) {
      for (const item of child) if (item !== null && typeof item.type === "string") yield item;
    } else if (typeof child.type === "string") yield child;
  }
}

/** The identifiers and member expressions that a pattern binds or assigns. */
export function patternTargets(pattern: Node | null): Node[] {
  switch (pattern?.type) {
    case undefined: return [];
    case "ObjectPattern": return pattern!.properties.flatMap((item: Node) => patternTargets(item.type === "RestElement" ? item.argument : item.value));
    case "ArrayPattern": return pattern!.elements.flatMap(patternTargets);
    case "AssignmentPattern": return patternTargets(pattern!.left);
    case "RestElement": return patternTargets(pattern!.argument);
    default: return [pattern!];
  }
}

export const patternNames = (pattern: Node): string[] =>
  patternTargets(pattern).filter((target) => target.type === "Identifier").map((target) => target.name);

function identifiersOf(node: Node): string[] {
  if (node.type === "Identifier") return [node.name];
  return [...childrenOf(node)].flatMap(identifiersOf);
}

