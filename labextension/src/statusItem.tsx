/** One word about the engine in the status bar; a click opens the panel. */

import { JupyterFrontEnd, JupyterFrontEndPlugin } from '@jupyterlab/application';
import { IStatusBar } from '@jupyterlab/statusbar';
import { ReactWidget, UseSignal } from '@jupyterlab/ui-components';
import * as React from 'react';

import { aiweIcon } from './icons';
import { Commands, IEngineState } from './tokens';

function words(state: IEngineState): string {
  if (state.connection !== 'running') {
    return state.connection === 'connecting' ? 'connecting…' : 'not reachable';
  }
  const count = `${state.apps.length} ${state.apps.length === 1 ? 'app' : 'apps'}`;
  return state.rate && state.rate >= 0.1 ? `${count} · ${state.rate.toFixed(1)} req/s` : count;
}

function Item({ state, open }: { state: IEngineState; open: () => void }): React.JSX.Element {
  return (
    <button
      className="aiwe-StatusItem"
      data-connection={state.connection}
      onClick={open}
      title={state.failure?.message ?? 'The aiwe engine: open its apps and routes'}
    >
      <aiweIcon.react tag="span" width="15px" height="15px" stylesheet="statusBar" />
      <span className="aiwe-dot" aria-hidden="true" />
      <span>aiwe: {words(state)}</span>
    </button>
  );
}

export const statusPlugin: JupyterFrontEndPlugin<void> = {
  id: '@aiwe/lab:status',
  description: 'The state of the engine in the status bar.',
  autoStart: true,
  requires: [IEngineState, IStatusBar],
  activate: (app: JupyterFrontEnd, state: IEngineState, bar: IStatusBar): void => {
    const open = () => void app.commands.execute(Commands.showApps);
    const item = ReactWidget.create(
      <UseSignal signal={state.changed}>{() => <Item state={state} open={open} />}</UseSignal>
    );
    bar.registerStatusItem('@aiwe/lab:engine', { item, align: 'left', rank: 90 });
  }
};
