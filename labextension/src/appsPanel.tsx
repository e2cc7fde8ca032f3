/** The side panel: which apps are live, what they answer to, and a form to try a route. */

import { ILabShell, ILayoutRestorer, JupyterFrontEnd, JupyterFrontEndPlugin } from '@jupyterlab/application';
import { ReactWidget, UseSignal, refreshIcon } from '@jupyterlab/ui-components';
import type { CommandRegistry } from '@lumino/commands';
import * as React from 'react';

import { addressOf, opens } from './address';
import { AssetsSection } from './assetsSection';
import { aiweIcon, logsIcon } from './icons';
import { placeName } from './places';
import { App, Commands, IEngineState, Route, Where } from './tokens';
import { Draft, TryForm } from './tryForm';

interface Shared {
  state: IEngineState;
  commands: CommandRegistry;
  /** What was typed into the form of each route; survives closing it and a redeploy. */
  drafts: Map<string, Draft>;
}

function Panel(props: Shared): React.JSX.Element {
  const { state, commands } = props;
  return (
    <div className="aiwe-Panel">
      <header className="aiwe-Panel-header">
        <Engine state={state} />
        <IconButton
          icon={logsIcon}
          label="Live logs"
          act={() => void commands.execute(Commands.showLogs)}
        />
      </header>
      {state.connection === 'unreachable' && <Unreachable state={state} />}
      {state.connection === 'running' && !state.apps.length && <Empty commands={commands} />}
      {state.apps.map(app => (
        <AppSection key={`${app.app}--${app.env}`} app={app} {...props} />
      ))}
    </div>
  );
}

function Engine({ state }: { state: IEngineState }): React.JSX.Element {
  const words = { running: 'Engine running', connecting: 'Connecting…', unreachable: 'Not reachable' };
  const { status } = state;
  const details = status
    ? `aiwe ${status.version}, process ${status.pid}, apps at ${status.apps_url}`
    : 'The engine has not answered yet';
  return (
    <span className="aiwe-Engine" data-connection={state.connection} title={details} role="status">
      <span className="aiwe-dot" aria-hidden="true" />
      {words[state.connection]}
      {status && <span className="aiwe-muted">{status.env}</span>}
    </span>
  );
}

function Unreachable({ state }: { state: IEngineState }): React.JSX.Element {
  return (
    <div className="aiwe-Notice" data-level="error" role="alert">
      <p>{state.failure?.message ?? 'The engine does not answer.'}</p>
      {state.failure?.hint && <p className="aiwe-muted">{state.failure.hint}</p>}
      <button className="aiwe-button" onClick={() => state.retry()}>
        <refreshIcon.react tag="span" className="aiwe-buttonIcon" />
        Try again now
      </button>
    </div>
  );
}

function Empty({ commands }: { commands: CommandRegistry }): React.JSX.Element {
  return (
    <div className="aiwe-Empty">
      <p>No app is live yet. Three steps to the first one:</p>
      <ol>
        <li>
          Open a notebook with the kernel <b>aiwe</b>.
        </li>
        <li>
          Write a handler in a cell:
          <pre>app.get("/hello", () =&gt; ({'{ hello: "world" }'}));</pre>
        </li>
        <li>
          Run the cell with <kbd>Shift</kbd> <kbd>Enter</kbd>. Its route appears here.
        </li>
      </ol>
      <button
        className="aiwe-button aiwe-primary"
        onClick={() => void commands.execute(Commands.newNotebook)}
      >
        New aiwe notebook
      </button>
      <button className="aiwe-button" onClick={() => void commands.execute(Commands.welcome)}>
        Show me the tutorial
      </button>
    </div>
  );
}

function AppSection(props: Shared & { app: App }): React.JSX.Element {
  const { app, commands, state } = props;
  const openPlace = (where: Where) => void commands.execute(Commands.openPlace, { ...where });
  return (
    <section className="aiwe-App" aria-label={`App ${app.app}`}>
      <h3 className="aiwe-App-title">
        <a href={addressOf(app, '/')} target="_blank" rel="noopener" title={`Open ${app.url}`}>
          {app.app}
        </a>
      </h3>
      <p className="aiwe-App-about">
        <span title={`Version ${app.version}`}>
          {app.env} · {app.version.slice(0, 8)}
        </span>
        {app.path && (
          <button className="aiwe-link" onClick={() => openPlace({ file: app.path })} title={`Open ${app.path}`}>
            {app.path.split('/').pop()}
          </button>
        )}
        {app.routes.length > 0 && (
          <a
            className="aiwe-link"
            href={addressOf(app, '/docs')}
            target="_blank"
            rel="noopener"
            title={`Read and try the API of ${app.app}`}
          >
            API
          </a>
        )}
      </p>
      {app.warnings.map(text => (
        <p key={text} className="aiwe-Notice" data-level="warn">
          {text}
        </p>
      ))}
      {!app.routes.length && <p className="aiwe-muted aiwe-pad">This app registers no routes.</p>}
      <ul className="aiwe-Routes">
        {app.routes.map(route => (
          <RouteRow key={`${route.method} ${route.path}`} route={route} openPlace={openPlace} {...props} />
        ))}
      </ul>
      <AssetsSection app={app} state={state} openPlace={openPlace} />
    </section>
  );
}

interface RowProps extends Shared {
  app: App;
  route: Route;
  openPlace: (where: Where) => void;
}

function RouteRow({ app, route, drafts, openPlace }: RowProps): React.JSX.Element {
  const [open, setOpen] = React.useState(false);
  const toggle = () => setOpen(!open);
  const title = [route.summary, route.where && `from ${placeName(route.where)}`].filter(Boolean).join(', ');
  const { where } = route;
  return (
    <li className="aiwe-Route" data-open={open}>
      <div className="aiwe-Route-line">
        <span className="aiwe-Method" data-method={route.method}>
          {route.method === '*' ? 'ALL' : route.method}
        </span>
        {opens(route) ? (
          <a className="aiwe-Path" href={addressOf(app, route.path)} target="_blank" rel="noopener" title={title}>
            {route.path}
          </a>
        ) : (
          <button className="aiwe-Path" onClick={toggle} title={title || 'Try this route'}>
            {route.path}
          </button>
        )}
        {where && (
          <IconButton label={`Go to ${placeName(where)}`} text="{ }" act={() => openPlace(where)} />
        )}
        <button className="aiwe-button aiwe-small" aria-expanded={open} onClick={toggle}>
          Try
        </button>
      </div>
      {open && <TryForm app={app} route={route} drafts={drafts} />}
    </li>
  );
}

function IconButton(props: {
  icon?: typeof aiweIcon;
  text?: string;
  label: string;
  act: () => void;
}): React.JSX.Element {
  return (
    <button className="aiwe-iconButton" onClick={props.act} title={props.label} aria-label={props.label}>
      {props.icon ? <props.icon.react tag="span" width="16px" height="16px" /> : props.text}
    </button>
  );
}

export const appsPlugin: JupyterFrontEndPlugin<void> = {
  id: '@aiwe/lab:apps',
  description: 'A side panel with the live apps and their routes.',
  autoStart: true,
  requires: [IEngineState],
  optional: [ILabShell, ILayoutRestorer],
  activate: (
    app: JupyterFrontEnd,
    state: IEngineState,
    labShell: ILabShell | null,
    restorer: ILayoutRestorer | null
  ): void => {
    const drafts = new Map<string, Draft>();
    const panel = ReactWidget.create(
      <UseSignal signal={state.changed}>
        {() => <Panel state={state} commands={app.commands} drafts={drafts} />}
      </UseSignal>
    );
    panel.id = 'aiwe-apps';
    panel.addClass('aiwe-PanelHost');
    panel.title.icon = aiweIcon;
    panel.title.caption = 'aiwe: apps and routes';
    app.shell.add(panel, 'left', { rank: 450 });
    restorer?.add(panel, panel.id);
    app.commands.addCommand(Commands.showApps, {
      label: 'Apps and routes',
      icon: aiweIcon,
      execute: () => (labShell ?? app.shell).activateById(panel.id)
    });
  }
};
