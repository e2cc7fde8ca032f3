/** Live log lines of all apps, in a tab of the main area: filter, follow, jump to the cell. */

import { ILayoutRestorer, JupyterFrontEnd, JupyterFrontEndPlugin } from '@jupyterlab/application';
import { MainAreaWidget, WidgetTracker } from '@jupyterlab/apputils';
import { ReactWidget, UseSignal } from '@jupyterlab/ui-components';
import * as React from 'react';

import { logsIcon } from './icons';
import { placeName } from './places';
import { Commands, IEngineState, Level, LogLine, Where } from './tokens';

const LEVELS: Level[] = ['debug', 'info', 'warn', 'error'];
const DRAWN = 1000; // the newest matching lines that stand in the page

interface Filter {
  app: string;
  level: Level;
  text: string;
}

interface Props {
  state: IEngineState;
  openPlace: (where: Where) => void;
}

function Logs({ state, openPlace }: Props): React.JSX.Element {
  const [filter, setFilter] = React.useState<Filter>({ app: '', level: 'debug', text: '' });
  const [follow, setFollow] = React.useState(true);
  const matching = state.lines.filter(line => matches(line, filter));
  const shown = matching.slice(-DRAWN);
  return (
    <div className="aiwe-Logs">
      <Bar
        state={state}
        filter={filter}
        setFilter={setFilter}
        follow={follow}
        setFollow={setFollow}
        count={matching.length}
      />
      <List lines={shown} follow={follow} setFollow={setFollow}>
        {!shown.length && (
          <p className="aiwe-muted aiwe-pad">
            {state.lines.length
              ? 'No line matches the filter.'
              : 'No log lines yet. What handlers write with console.log appears here.'}
          </p>
        )}
        {shown.map(line => (
          <Line key={line.seq} line={line} openPlace={openPlace} />
        ))}
      </List>
    </div>
  );
}

interface BarProps {
  state: IEngineState;
  filter: Filter;
  setFilter: (filter: Filter) => void;
  follow: boolean;
  setFollow: (follow: boolean) => void;
  count: number;
}

function Bar({ state, filter, setFilter, follow, setFollow, count }: BarProps): React.JSX.Element {
  const apps = [...new Set([...state.apps.map(app => app.app), ...state.lines.map(line => line.app)])].sort();
  return (
    <div className="aiwe-Logs-bar" role="toolbar" aria-label="Log filter">
      <select
        aria-label="App"
        value={filter.app}
        onChange={event => setFilter({ ...filter, app: event.target.value })}
      >
        <option value="">All apps</option>
        {apps.map(app => (
          <option key={app}>{app}</option>
        ))}
      </select>
      <select
        aria-label="Least level"
        value={filter.level}
        onChange={event => setFilter({ ...filter, level: event.target.value as Level })}
      >
        {LEVELS.map(level => (
          <option key={level} value={level}>
            {level === 'error' ? 'errors only' : `${level} and up`}
          </option>
        ))}
      </select>
      <input
        type="search"
        aria-label="Filter by text or request id"
        placeholder="Filter by text or request id"
        value={filter.text}
        onChange={event => setFilter({ ...filter, text: event.target.value })}
      />
      <label className="aiwe-check">
        <input type="checkbox" checked={follow} onChange={event => setFollow(event.target.checked)} />
        Follow
      </label>
      <button className="aiwe-button aiwe-small" onClick={() => state.clearLines()}>
        Clear
      </button>
      <span className="aiwe-muted aiwe-push">
        {count > DRAWN ? `newest ${DRAWN} of ${count}` : count} {count === 1 ? 'line' : 'lines'}
      </span>
    </div>
  );
}

interface ListProps {
  lines: readonly LogLine[];
  follow: boolean;
  setFollow: (follow: boolean) => void;
  children: React.ReactNode;
}

function List({ lines, follow, setFollow, children }: ListProps): React.JSX.Element {
  const node = React.useRef<HTMLDivElement>(null);
  const last = lines[lines.length - 1]?.seq;
  React.useLayoutEffect(() => {
    if (follow && node.current) {
      node.current.scrollTop = node.current.scrollHeight;
    }
  }, [follow, last]);
  const scrolled = (event: React.UIEvent<HTMLDivElement>) => {
    const { scrollTop, scrollHeight, clientHeight } = event.currentTarget;
    const atEnd = scrollHeight - scrollTop - clientHeight < 8;
    if (atEnd !== follow) {
      setFollow(atEnd);
    }
  };
  return (
    <div className="aiwe-Logs-list" role="log" tabIndex={0} ref={node} onScroll={scrolled} aria-live="off">
      {children}
    </div>
  );
}

const Line = React.memo(function Line({ line, openPlace }: { line: LogLine; openPlace: Props['openPlace'] }) {
  const { where } = line;
  return (
    <div className="aiwe-Line" data-level={line.level}>
      <time title={new Date(line.time * 1000).toISOString()}>{clock(line.time)}</time>
      <span className="aiwe-Line-level">{line.level}</span>
      <span className="aiwe-Line-app">{line.app}</span>
      <span className="aiwe-Line-text">{line.text}</span>
      {line.request_id && (
        <span className="aiwe-Line-id" title={`Request ${line.request_id}`}>
          {line.request_id.slice(-8)}
        </span>
      )}
      {where && (where.cell || where.file) && (
        <button className="aiwe-link" onClick={() => openPlace(where)} title="Go to this line of the notebook">
          {placeName(where)}
        </button>
      )}
    </div>
  );
});

function matches(line: LogLine, filter: Filter): boolean {
  const text = filter.text.toLowerCase();
  return (
    (!filter.app || line.app === filter.app) &&
    LEVELS.indexOf(line.level) >= LEVELS.indexOf(filter.level) &&
    (!text || line.text.toLowerCase().includes(text) || !!line.request_id?.toLowerCase().includes(text))
  );
}

function clock(seconds: number): string {
  const time = new Date(seconds * 1000);
  const digits = (value: number, length = 2) => String(value).padStart(length, '0');
  return (
    [time.getHours(), time.getMinutes(), time.getSeconds()].map(part => digits(part)).join(':') +
    `.${digits(time.getMilliseconds(), 3)}`
  );
}

export const logsPlugin: JupyterFrontEndPlugin<void> = {
  id: '@aiwe/lab:logs',
  description: 'A tab with the log lines of the live apps.',
  autoStart: true,
  requires: [IEngineState],
  optional: [ILayoutRestorer],
  activate: (app: JupyterFrontEnd, state: IEngineState, restorer: ILayoutRestorer | null): void => {
    const tracker = new WidgetTracker<MainAreaWidget>({ namespace: 'aiwe-logs' });
    const openPlace = (where: Where) => void app.commands.execute(Commands.openPlace, { ...where });
    const create = () => {
      const content = ReactWidget.create(
        <UseSignal signal={state.changed}>
          {() => (
            <UseSignal signal={state.logged}>
              {() => <Logs state={state} openPlace={openPlace} />}
            </UseSignal>
          )}
        </UseSignal>
      );
      const widget = new MainAreaWidget({ content });
      widget.id = 'aiwe-logs';
      widget.title.label = 'aiwe logs';
      widget.title.icon = logsIcon;
      widget.title.closable = true;
      return widget;
    };
    app.commands.addCommand(Commands.showLogs, {
      label: 'Live logs',
      caption: 'What the handlers of all apps write, as it happens',
      icon: logsIcon,
      execute: () => {
        const widget = tracker.currentWidget ?? create();
        if (!widget.isAttached) {
          void tracker.add(widget);
          app.shell.add(widget, 'main', { mode: 'split-bottom' });
        }
        app.shell.activateById(widget.id);
      }
    });
    void restorer?.restore(tracker, { command: Commands.showLogs, name: () => 'aiwe-logs' });
  }
};
