/** From a place that the engine names (file, cell, line) to that line in an open notebook. */

import { JupyterFrontEnd, JupyterFrontEndPlugin } from '@jupyterlab/application';
import { INotebookTracker, NotebookPanel } from '@jupyterlab/notebook';

import { Commands, Where } from './tokens';

/** "tasks.ipynb, line 3": how a place is shown to people. */
export function placeName(where: Where): string {
  const file = where.file?.split('/').pop() ?? (where.cell ? `cell ${where.cell}` : '');
  return where.line ? `${file}:${where.line}` : file;
}

export const placesPlugin: JupyterFrontEndPlugin<void> = {
  id: '@aiwe/lab:places',
  description: 'Opens the cell and line that a route or log line comes from.',
  autoStart: true,
  requires: [INotebookTracker],
  activate: (app: JupyterFrontEnd, notebooks: INotebookTracker): void => {
    app.commands.addCommand(Commands.openPlace, {
      label: 'Open the place in its notebook',
      execute: async args => {
        const where = args as Where;
        const panel = await notebookOf(app, notebooks, where);
        if (panel) {
          app.shell.activateById(panel.id);
          await reveal(panel, where);
        } else if (where.file) {
          await app.commands.execute('docmanager:open', { path: where.file });
        }
      }
    });
  }
};

async function notebookOf(
  app: JupyterFrontEnd,
  notebooks: INotebookTracker,
  where: Where
): Promise<NotebookPanel | undefined> {
  if (where.file?.endsWith('.ipynb')) {
    await app.commands.execute('docmanager:open', { path: where.file });
    return notebooks.find(panel => panel.context.path === where.file);
  }
  return notebooks.find(panel => panel.content.widgets.some(cell => cell.model.id === where.cell));
}

async function reveal(panel: NotebookPanel, where: Where): Promise<void> {
  await panel.revealed;
  const notebook = panel.content;
  const index = notebook.widgets.findIndex(cell => cell.model.id === where.cell);
  if (index < 0) {
    return;
  }
  notebook.activeCellIndex = index;
  notebook.deselectAll();
  await notebook.scrollToItem(index, 'smart');
  const cell = notebook.widgets[index];
  await cell?.ready;
  if (where.line) {
    notebook.mode = 'edit';
    const column = Math.max(0, (where.column ?? 1) - 1);
    cell?.editor?.setCursorPosition({ line: where.line - 1, column });
  }
}
