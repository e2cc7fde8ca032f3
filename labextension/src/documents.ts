/**
 * Tells the engine the order of a notebook's cells while it changes, so that a draft has the
 * order that the person sees. The server extension tells it again at each save, and then cells
 * that are gone leave the draft.
 */

import { JupyterFrontEnd, JupyterFrontEndPlugin } from '@jupyterlab/application';
import { INotebookTracker, NotebookActions, NotebookPanel } from '@jupyterlab/notebook';
import { Debouncer } from '@lumino/polling';

import { codeCells, isAiwe } from './notebooks';
import * as requests from './requests';

const QUIET = 300; // milliseconds without a change before the engine is told

export const documentsPlugin: JupyterFrontEndPlugin<void> = {
  id: '@aiwe/lab:documents',
  description: 'Tells the engine the order of the cells in open notebooks.',
  autoStart: true,
  requires: [INotebookTracker],
  activate: (_app: JupyterFrontEnd, notebooks: INotebookTracker): void => {
    notebooks.widgetAdded.connect((_, panel) => void watch(panel));
  }
};

async function watch(panel: NotebookPanel): Promise<void> {
  await panel.context.ready;
  let told = '';
  const later = new Debouncer(async () => {
    const cells = isAiwe(panel) ? codeCells(panel).map(({ cell }) => cell) : [];
    const order = cells.join();
    if (!cells.length || order === told) {
      return;
    }
    try {
      await requests.arrange(panel.context.path, cells);
      told = order;
    } catch (error) {
      console.debug('aiwe: the order of cells was not told', error); // told again at the next change
    }
  }, QUIET);
  const change = () => void later.invoke();
  const ran = (_: unknown, run: { notebook: unknown }) => {
    if (run.notebook === panel.content) {
      told = ''; // the engine may have met this notebook only now
      change();
    }
  };
  panel.model?.cells.changed.connect(change);
  NotebookActions.executed.connect(ran);
  panel.disposed.connect(() => {
    NotebookActions.executed.disconnect(ran);
    later.dispose();
  });
  change();
}
