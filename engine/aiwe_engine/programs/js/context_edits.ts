/**
 * Keeps `__aiwe_cur`, the running invocation, right across suspensions. bare V8 has no hook for
 * this, so the text does it itself, in every function that can be suspended:
 *
 *   __aiwe_c   the invocation the function runs for: the one that was current when it began
 *   __aiwe_b   what to leave behind when it is left: the caller's where the caller is on the stack,
 *              null where the microtask loop is, so that what nobody answers for finds nobody
 *   __aiwe_s   1 while a generator is suspended at a yield, where its resumer's invocation is current
 *   __aiwe_t   a value in passing
 *
 * An await hands over `__aiwe_b` and takes `__aiwe_c` back; so do yields, with whoever resumes. A
 * rejected await or a `throw()` into a generator arrives at a catch, a finally, or the one that is
 * put around the function's body. Functions without suspensions stay as they are. What these
 * edits call is in runtime/js/context.ts. Further names: __aiwe_v, a loop's value that is yet to be taken apart;
 * __aiwe_e, an error likewise; __aiwe_d, what a block disposes of when it is left.
 */
import { tokTypes, type Token } from "acorn";
import { childrenOf, isFunction } from "./analysis";
import type { Edits } from "./edits";
import { type Node, type Parsed, tokenAt } from "./parse";
import { Problem } from "./problem";

interface Frame { async: boolean; generator: boolean; suspends: boolean; forAwait: boolean }

/** Restores the function's own invocation at a place that a suspension may lead to. */
const enter = (frame: Frame): string =>
  frame.generator ? "if(__aiwe_s){__aiwe_s=0;__aiwe_b=__aiwe_cur}__aiwe_cur=__aiwe_c;" : "__aiwe_cur=__aiwe_c;";
const leaveWith = (value: string): [string, string] => [`(__aiwe_t=${value}`, ",__aiwe_cur=__aiwe_b,__aiwe_b=null,__aiwe_t)"];
const BACK = ",__aiwe_cur=__aiwe_c,__aiwe_t)";

/** The text of awaiting `expression`, a promise, where the function's variables are in scope. */
export function awaited(expression: string): string {
  const [before, after] = leaveWith(expression);
  return `(__aiwe_t=await${before}${after}${BACK}`;
}

function head(frame: Frame): string {
  const parts = [`const __aiwe_c=__aiwe_cur;let __aiwe_b=__aiwe_c,__aiwe_t${frame.generator ? ",__aiwe_s=0" : ""};`];
  if (frame.forAwait) parts.push(`const __aiwe_in=()=>{${enter(frame)}},__aiwe_out=()=>{__aiwe_cur=__aiwe_b;__aiwe_b=null};`);
  return parts.join("") + "try{";
}
const tail = (frame: Frame): string => `}finally{${frame.generator ? "if(!__aiwe_s)" : ""}__aiwe_cur=__aiwe_b}`;

/**
 * Edits the text. The top level is the body of an async function: its tail is returned, for the caller
 * to place behind everything.
 * @param suspends whether the caller puts an await of its own at top level
 * @param returned the statement whose value the caller returns
 */
export function contextEdits(parsed: Parsed, edits: Edits, suspends: boolean, returned: Node | null): string {
  const walk = new ContextWalk(parsed, edits);
  const frame: Frame = { async: true, generator: false, suspends: false, forAwait: false };
  for (const statement of parsed.program.body) walk.mark(statement, frame);
  frame.suspends ||= suspends;
  if (frame.suspends) edits.close(bodyStart(parsed.program), ";" + head(frame));
  walk.children(parsed.program, frame, returned);
  return frame.suspends ? tail(frame) : "";
}

class ContextWalk {
  private readonly frames = new Map<Node, Frame>();
  private readonly suspending = new Set<Node>();
  private readonly tokens: Token[];
  private readonly text: string;

  constructor(parsed: Parsed, private readonly edits: Edits) {
    this.tokens = parsed.tokens;
    this.text = parsed.text;
  }

  /** Notes which nodes contain a suspension of their own function, and what the functions are like. */
  mark(node: Node, frame: Frame): boolean {
    if (isFunction(node)) {
      const own: Frame = { async: node.async, generator: node.generator, suspends: false, forAwait: false };
      this.frames.set(node, own);
      for (const child of childrenOf(node)) this.mark(child, own);
      return false;
    }
    let found = node.type === "AwaitExpression" || node.type === "YieldExpression" || isForAwait(node) ||
      isAwaitUsing(node) || (node.type === "ReturnStatement" && frame.async && frame.generator);
    if (isForAwait(node)) frame.forAwait = true;
    for (const child of childrenOf(node)) if (this.mark(child, frame)) found = true;
    if (found) {
      frame.suspends = true;
      this.suspending.add(node);
    }
    return found;
  }

  children(node: Node, frame: Frame, returned: Node | null = null): void {
    const list = inList(node);
    const disposes = list && node.body?.some(isAwaitUsing);
    if (disposes) this.edits.close(bodyStart(node), ";const __aiwe_d=__aiwe_disposer();try{");
    for (const child of childrenOf(node)) {
      if (list && child !== returned && child.type === "ExpressionStatement" && this.startsEdited(child.expression)) this.edits.open(child.start, ";");
      if (disposes && child.type === "VariableDeclaration" && child.kind.endsWith("using")) this.use(child, frame);
      else this.visit(child, frame);
    }
    if (!disposes) return;
    const end = `}catch(__aiwe_e){__aiwe_d.fail(__aiwe_e)}finally{${enter(frame)}if(__aiwe_t=__aiwe_d.end())${awaited("__aiwe_t")}}`;
    if (node.type === "Program") this.edits.closeLast(node.end, end);
    else this.edits.close(node.end - 1, end);
  }

  /** Where a block disposes asynchronously, what it holds is kept and let go by the engine. */
  private use(node: Node, frame: Frame): void {
    const { edits } = this;
    edits.replace(node.start, node.declarations[0].start, "const ");
    for (const declarator of node.declarations) {
      this.visit(declarator.init, frame);
      edits.close(declarator.end, `,[]=[__aiwe_d.use(${declarator.id.name},${node.kind !== "using"})]`);
    }
  }

  private visit(node: Node, frame: Frame): void {
    if (isFunction(node)) return this.function(node, this.frames.get(node)!);
    switch (node.type) {
      case "AwaitExpression": return this.await(node, frame);
      case "YieldExpression": return this.yield(node, frame);
      case "ReturnStatement": return this.return(node, frame);
      case "TryStatement": return this.try(node, frame);
      case "VariableDeclaration":
        if (isAwaitUsing(node)) throw usingInLoop(node);
        break;
      case "ForOfStatement": case "LabeledStatement": {
        const loop = labelled(node);
        if (isForAwait(loop)) return this.forAwait(loop, frame, node);
      }
    }
    this.children(node, frame);
  }

  private function(node: Node, frame: Frame): void {
    const { edits } = this;
    const { body } = node;
    for (const param of node.params) this.visit(param, frame);
    if (body.type !== "BlockStatement") return this.concise(node, frame);
    if (!frame.suspends) return this.children(body, frame);
    edits.close(bodyStart(body), ";" + head(frame));
    this.children(body, frame);
    edits.close(body.end - 1, tail(frame));
  }

  /** `async () => value` */
  private concise(node: Node, frame: Frame): void {
    const { edits } = this;
    if (!frame.async) return this.visit(node.body, frame);
    const wrap = mayBeThenable(node.body);
    const value = wrap ? "__aiwe_await((" : "(";
    let arrow = tokenAt(this.tokens, node.body.start) - 1;
    while (this.tokens[arrow]!.type !== tokTypes.arrow) arrow--;
    const at = this.tokens[arrow]!.end;
    if (!frame.suspends && !wrap) return this.visit(node.body, frame);
    edits.open(at, frame.suspends ? `{${head(frame)}return ${value}` : value);
    this.visit(node.body, frame);
    edits.close(node.end, (wrap ? "))" : ")") + (frame.suspends ? tail(frame) + "}" : ""));
  }

  private await(node: Node, frame: Frame): void {
    const { edits } = this;
    const settle = node.argument.type !== "Literal";
    const [before, after] = leaveWith(settle ? "__aiwe_await(" : "");
    edits.open(node.start, "(__aiwe_t=");
    edits.open(node.start + "await".length, before);
    this.visit(node.argument, frame);
    edits.close(node.end, (settle ? ")" : "") + after + BACK);
  }

  private yield(node: Node, frame: Frame): void {
    const { edits } = this;
    edits.open(node.start, "(__aiwe_t=");
    const back = `,__aiwe_s=0,__aiwe_b=__aiwe_cur${BACK}`;
    const leave = ",__aiwe_cur=__aiwe_b,__aiwe_s=1,__aiwe_t)";
    if (node.argument === null) {
      edits.close(node.end, `(__aiwe_t=void 0${leave}${back}`);
      return;
    }
    let at = node.start + "yield".length, before = "(__aiwe_t=", after = leave;
    if (node.delegate) {
      at = this.tokens[tokenAt(this.tokens, at)]!.end;
      before += "__aiwe_delegate((";
      after = `),__aiwe_c,${frame.async})${leave}`;
    } else if (frame.async) {
      before += "__aiwe_await((";
      after = `))${leave}`;
    }
    edits.open(at, before);
    this.visit(node.argument, frame);
    edits.close(node.end, after + back);
  }

  /** Thenables are run for who returned them; an async generator awaits what it returns. */
  private return(node: Node, frame: Frame): void {
    const { edits } = this;
    const { argument } = node;
    if (argument === null || !frame.async) return this.children(node, frame);
    const wrap = mayBeThenable(argument);
    if (!wrap && !frame.generator) return this.children(node, frame);
    const value = wrap ? "__aiwe_await((" : "(";
    const [before, after] = frame.generator ? leaveWith(value) : [value, ""];
    edits.open(node.start + "return".length, " " + before);
    this.visit(argument, frame);
    const end = this.text[node.end - 1] === ";" ? node.end - 1 : node.end;
    edits.close(end, (wrap ? "))" : ")") + after);
  }

  private try(node: Node, frame: Frame): void {
    const { edits } = this;
    this.visit(node.block, frame);
    const { handler, finalizer } = node;
    const tried = this.suspending.has(node.block);
    if (handler) {
      if (tried) this.catch(handler, frame);
      else this.children(handler, frame);
    }
    if (finalizer) {
      if (tried || (handler && this.suspending.has(handler))) edits.open(finalizer.start + 1, enter(frame));
      this.visit(finalizer, frame);
    }
  }

  /** A pattern may run code: it is taken apart after the invocation is back. */
  private catch({ param, body }: Node, frame: Frame): void {
    const { edits } = this;
    if (param === null || param.type === "Identifier") edits.open(body.start + 1, enter(frame));
    else {
      edits.open(param.start, "__aiwe_e){" + enter(frame) + "let ");
      this.visit(param, frame);
      edits.close(param.end, "=__aiwe_e;");
      edits.remove(param.end, body.start + 1);
    }
    this.visit(body, frame);
  }

  private forAwait(loop: Node, frame: Frame, labels: Node): void {
    const { edits } = this;
    const { left, right, body } = loop;
    edits.open(labels.start, "try{");
    const block = body.type === "BlockStatement";
    const at = block ? body.start + 1 : body.start;
    const pattern = left.type === "VariableDeclaration" ? left.declarations[0].id : left;
    this.visit(left, frame);
    edits.open(right.start, "__aiwe_iterate((");
    this.visit(right, frame);
    edits.close(right.end, "),__aiwe_in,__aiwe_out)");
    edits.close(at, (block ? "" : "{") + enter(frame));
    if (pattern.type !== "Identifier") this.takeApart(left, at);
    this.visit(body, frame);
    edits.close(loop.end, (block ? "" : "}") + `}finally{${enter(frame)}}`);
  }

  /** A plain name is assigned by the loop; anything else once we are back, as it may run code. */
  private takeApart(left: Node, at: number): void {
    const { edits } = this;
    const declares = left.type === "VariableDeclaration";
    edits.close(left.start, "const __aiwe_v");
    edits.open(left.start, declares ? "" : "(");
    edits.close(left.end, declares ? "=__aiwe_v;" : "=__aiwe_v);");
    edits.move(left.start, left.end, at);
  }

  /** Whether the first characters of an expression are an edited await or yield. */
  private startsEdited(expression: Node): boolean {
    const { start } = expression;
    let node: Node | undefined = expression;
    while (node !== undefined && node.start === start) {
      if (node.type === "AwaitExpression" || node.type === "YieldExpression") return true;
      if (isFunction(node)) return false;
      node = childrenOf(node).next().value ?? undefined;
    }
    return false;
  }
}

/** Where the statements of a block, body or program begin: after the directives, which must stay first. */
export function bodyStart(node: Node): number {
  let at = node.type === "Program" ? node.body[0]?.start ?? node.end : node.start + 1;
  for (const statement of node.body) {
    if (statement.directive === undefined) break;
    at = statement.end;
  }
  return at;
}

/** Whether the children of a node are a list of statements, where one may end without a semicolon. */
export const inList = (node: Node): boolean =>
  node.type === "Program" || node.type === "BlockStatement" || node.type === "StaticBlock" || node.type === "SwitchCase";

const isAwaitUsing = (node: Node): boolean => node.type === "VariableDeclaration" && node.kind === "await using";
const isForAwait = (node: Node): boolean => node.type === "ForOfStatement" && node.await;

function usingInLoop(node: Node): Problem {
  return new Problem("syntax_error", "'await using' stands in the head of a loop",
    "Declare it as the first statement of the loop's body.", node.start);
}

function labelled(node: Node): Node {
  let body = node;
  while (body.type === "LabeledStatement") body = body.body;
  return body;
}

const PLAIN = new Set(["Literal", "TemplateLiteral", "ArrayExpression", "ObjectExpression", "ArrowFunctionExpression", "FunctionExpression",
  "ClassExpression", "BinaryExpression", "UnaryExpression", "UpdateExpression", "AwaitExpression", "ThisExpression"]);
const mayBeThenable = (node: Node): boolean => !PLAIN.has(node.type);
