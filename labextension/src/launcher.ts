/** Ways in: a new notebook with a first handler in it, and the welcome tutorial. */

import { JupyterFrontEnd, JupyterFrontEndPlugin } from '@jupyterlab/application';
import { ICommandPalette, showErrorMessage } from '@jupyterlab/apputils';
import { IDefaultFileBrowser } from '@jupyterlab/filebrowser';
import { ILauncher } from '@jupyterlab/launcher';
import type { NotebookPanel } from '@jupyterlab/notebook';

import { cardIcon } from './icons';
import { Commands } from './tokens';

const KERNEL = 'aiwe';
const WELCOME = ['notebooks/01_hello.ipynb', '01_hello.ipynb'];
const FIRST_CELL = `// Run this cell (Shift+Enter): the handler answers at the link a moment later.
app.get("/hello/:name", (req) => ({ hello: req.params.name }));
`;

export const launcherPlugin: JupyterFrontEndPlugin<void> = {
  id: '@aiwe/lab:launcher',
  description: 'Launcher cards and commands that begin something with aiwe.',
  autoStart: true,
  optional: [ILauncher, ICommandPalette, IDefaultFileBrowser],
  activate: (
    app: JupyterFrontEnd,
    launcher: ILauncher | null,
    palette: ICommandPalette | null,
    browser: IDefaultFileBrowser | null
  ): void => {
    app.commands.addCommand(Commands.newNotebook, {
      label: args => (args['isPalette'] ? 'New aiwe notebook' : 'aiwe notebook'),
      caption: 'A notebook whose cells hold JavaScript handlers; running one puts it live',
      icon: cardIcon,
      execute: args => newNotebook(app, (args['cwd'] as string) || browser?.model.path || '')
    });
    app.commands.addCommand(Commands.welcome, {
      label: 'Welcome to aiwe',
      caption: 'The first tutorial: from an empty cell to an answer in the browser',
      icon: cardIcon,
      execute: () => openWelcome(app)
    });
    launcher?.add({ command: Commands.newNotebook, category: 'aiwe', rank: 0, categoryRank: 10 });
    launcher?.add({ command: Commands.welcome, category: 'aiwe', rank: 1, categoryRank: 10 });
    launcher?.add({ command: Commands.showLogs, category: 'aiwe', rank: 2, categoryRank: 10 });
    for (const command of Object.values(Commands)) {
      if (command !== Commands.openPlace) {
        palette?.addItem({ command, category: 'aiwe', args: { isPalette: true } });
      }
    }
  }
};

async function newNotebook(app: JupyterFrontEnd, cwd: string): Promise<void> {
  const panel: NotebookPanel = await app.commands.execute('notebook:create-new', {
    cwd,
    kernelName: KERNEL
  });
  await panel.context.ready;
  const first = panel.content.model?.cells.get(0);
  if (first && !first.sharedModel.getSource()) {
    first.sharedModel.setSource(FIRST_CELL);
  }
}

async function openWelcome(app: JupyterFrontEnd): Promise<void> {
  for (const path of WELCOME) {
    const found = await app.serviceManager.contents.get(path, { content: false }).catch(() => null);
    if (found) {
      await app.commands.execute('docmanager:open', { path });
      return;
    }
  }
  await showErrorMessage(
    'The tutorials are not in this folder',
    'Start JupyterLab where the folder `notebooks` with the tutorials lies, or begin with a new aiwe notebook.'
  );
}
