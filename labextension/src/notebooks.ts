/** What the plugins that work inside notebooks need to know of one. */

import type { ICodeCellModel } from '@jupyterlab/cells';
import type { NotebookPanel } from '@jupyterlab/notebook';

import type { CellSource } from './tokens';

const JAVASCRIPT = ['js', 'javascript', 'time', 'ts', 'typescript'];

/** Whether the notebook's kernel is (or will be) aiwe's. */
export function isAiwe(panel: NotebookPanel): boolean {
  const spec = panel.model?.getMetadata('kernelspec') as { name?: string } | undefined;
  const kernel = panel.sessionContext.session?.kernel?.name ?? spec?.name;
  return kernel === 'aiwe';
}

/** The id under which the engine knows the notebook's session: the kernel's. */
export function sessionOf(panel: NotebookPanel): string {
  return panel.sessionContext.session?.kernel?.id ?? '';
}

/** The notebook's code cells in document order. */
export function codeCells(panel: NotebookPanel): CellSource[] {
  return Array.from(panel.model?.cells ?? [])
    .filter((cell): cell is ICodeCellModel => cell.type === 'code')
    .map(cell => ({ cell: cell.id, source: cell.sharedModel.getSource() }));
}

/**
 * The JavaScript in a cell: magics are blanked, never removed, so that offsets stay. A cell in
 * another language has none.
 */
export function javaScriptOf(source: string): string {
  const magic = /^\s*%%(\S*)[^\n]*/.exec(source);
  if (magic) {
    const known = JAVASCRIPT.includes((magic[1] ?? '').toLowerCase());
    return known ? blank(magic[0]) + source.slice(magic[0].length) : '';
  }
  const head = /^(?:[ \t]*(?:\/\/[^\n]*)?\n|[ \t]*%[^\n]*(?:\n|$))*/.exec(source)?.[0] ?? '';
  return head.replace(/^[ \t]*%[^\n]*/gm, blank) + source.slice(head.length);
}

const blank = (text: string) => text.replace(/[^\n]/g, ' ');
