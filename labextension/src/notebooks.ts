/** What the plugins that work inside notebooks need to know of one. */

import type { ICodeCellModel } from '@jupyterlab/cells';
import type { NotebookPanel } from '@jupyterlab/notebook';

import type { CellSource } from './tokens';

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

