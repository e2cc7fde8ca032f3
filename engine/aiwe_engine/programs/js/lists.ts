/** Lists of statements, where one may end without a semicolon and the next must not begin with "(". */
import type { Node } from "./parse";

export const inList = (node: Node): boolean =>
  node.type === "Program" || node.type === "BlockStatement" || node.type === "StaticBlock" || node.type === "SwitchCase";
