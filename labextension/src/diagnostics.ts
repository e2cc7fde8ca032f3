/** Marks mistakes in the cells of aiwe notebooks, as the engine's TypeScript service sees them. */

import { linter, type Diagnostic as Mark } from '@codemirror/lint';
import { JupyterFrontEnd, JupyterFrontEndPlugin } from '@jupyterlab/application';
import type { CodeEditor } from '@jupyterlab/codeeditor';
import { EditorExtensionRegistry, IEditorExtensionRegistry } from '@jupyterlab/codemirror';
import { INotebookTracker, NotebookPanel } from '@jupyterlab/notebook';

import { codeCells, isAiwe, javaScriptOf, sessionOf } from './notebooks';
import * as requests from './requests';
import type { Diagnostic } from './tokens';

const QUIET = 500; // milliseconds without typing before a cell is checked

export const diagnosticsPlugin: JupyterFrontEndPlugin<void> = {
  id: '@aiwe/lab:diagnostics',
  description: 'Marks mistakes in the cells of aiwe notebooks.',
  autoStart: true,
  requires: [INotebookTracker, IEditorExtensionRegistry],
  activate: (_app: JupyterFrontEnd, notebooks: INotebookTracker, editors: IEditorExtensionRegistry): void => {
    editors.addExtension({
      name: 'aiwe-diagnostics',
      default: true,
      schema: { type: 'boolean', title: 'aiwe: mark mistakes in cells' },
      factory: ({ inline, model }) =>
        inline
          ? EditorExtensionRegistry.createConditionalExtension(
              linter(view => check(notebooks, model, view.state.doc.length), { delay: QUIET })
            )
          : null
    });
  }
};

/** Whether a cell is aiwe's is known only when its notebook has a kernel, so it is asked each time. */
async function check(notebooks: INotebookTracker, model: CodeEditor.IModel, length: number): Promise<Mark[]> {
  const panel = notebooks.find(candidate => holds(candidate, model));
  if (!panel || !isAiwe(panel)) {
    return [];
  }
  const cells = codeCells(panel).map(({ cell, source }) => ({ cell, source: javaScriptOf(source) }));
  const id = panel.content.widgets.find(cell => cell.model === model)?.model.id;
  const cell = cells.find(candidate => candidate.cell === id);
  if (!cell?.source.trim()) {
    return [];
  }
  const others = cells.filter(candidate => candidate !== cell);
  const found = await requests.diagnostics(sessionOf(panel), cell, others).catch(() => []);
  return found.map(diagnostic => toMark(diagnostic, length));
}

function holds(panel: NotebookPanel, model: CodeEditor.IModel): boolean {
  return panel.content.widgets.some(cell => cell.model === model);
}

function toMark(diagnostic: Diagnostic, length: number): Mark {
  const from = Math.min(diagnostic.start, length);
  return {
    from,
    to: Math.min(Math.max(diagnostic.end, from), length),
    severity: diagnostic.severity,
    message: `${diagnostic.message} (${diagnostic.code})`
  };
}
