/**
 * One store for all plugins: asks the engine once, then follows its event stream, and connects
 * again when that ends. Only the engine's counters are asked for now and then, while they are seen.
 */

import { JupyterFrontEnd, JupyterFrontEndPlugin } from '@jupyterlab/application';
import { Signal } from '@lumino/signaling';

import { aiweIcon } from './icons';
import * as requests from './requests';
import { App, Commands, Connection, EngineEvent, Failure, IEngineState, LogLine, Status } from './tokens';

const LINES_KEPT = 5000;
const LINES_ASKED = 1000; // the most that the engine gives at a time
const FIRST_WAIT = 500;
const LONGEST_WAIT = 10_000;
const STATUS_EVERY = 5000; // the number of requests changes without an event

export class EngineState implements IEngineState {
  readonly changed: Signal<IEngineState, void> = new Signal(this);
  readonly logged: Signal<IEngineState, void> = new Signal(this);
  readonly assetsChanged: Signal<IEngineState, string> = new Signal(this);
  connection: Connection = 'connecting';
  failure: Failure | null = null;
  status: Status | null = null;
  rate: number | null = null;
  apps: readonly App[] = [];
  lines: readonly LogLine[] = [];

  private seen = 0; // the last log line known, so that a reconnect asks only for newer ones
  private held: LogLine[] | null = null;
  private waiting: LogLine[] = [];
  private stale = false;
  private reloading = false;
  private counted: { requests: number; at: number } | null = null;
  private wake: () => void = () => undefined;

  /** Runs as long as the page lives. */
  async run(): Promise<void> {
    let wait = FIRST_WAIT;
    setInterval(() => void this.recount(), STATUS_EVERY);
    for (;;) {
      try {
        await requests.follow(
          () => {
            wait = FIRST_WAIT;
            void this.load();
          },
          event => this.hear(event)
        );
      } catch (error) {
        this.lose(error as Failure);
        wait = Math.min(wait * 2, LONGEST_WAIT);
      }
      if (this.connection === 'running') {
        this.connection = 'connecting';
        this.changed.emit();
      }
      await new Promise<void>(resolve => {
        this.wake = resolve;
        setTimeout(resolve, wait);
      });
    }
  }

  retry(): void {
    if (this.connection === 'running') {
      return;
    }
    this.connection = 'connecting';
    this.changed.emit();
    this.wake();
  }

  clearLines(): void {
    this.lines = [];
    this.logged.emit();
  }

  /** Lines that the stream brings meanwhile are held back: they are newer than those asked for. */
  private async load(): Promise<void> {
    this.held = [];
    try {
      const [status, apps] = await Promise.all([requests.status(), requests.apps()]);
      if (status.pid !== this.status?.pid || status.uptime < this.status.uptime) {
        this.seen = 0; // another engine, which counts its lines from the start
      }
      this.connection = 'running';
      this.failure = null;
      this.apps = apps;
      this.counted = null;
      this.report(status);
      this.changed.emit();
      (await requests.logs(this.seen, LINES_ASKED)).forEach(line => this.add(line));
    } catch (error) {
      this.lose(error as Failure);
    }
    const held = this.held ?? [];
    this.held = null;
    held.forEach(line => this.add(line));
  }

  private lose(failure: Failure): void {
    this.connection = 'unreachable';
    this.failure = failure;
    this.counted = null;
    this.rate = null;
    this.changed.emit();
  }

  private hear(event: EngineEvent): void {
    if (event.type === 'log') {
      const line = event.data as LogLine;
      this.held ? this.held.push(line) : this.add(line);
    } else if (event.type === 'status') {
      this.report(event.data as Status);
      this.changed.emit();
    } else if (event.type === 'assets') {
      this.assetsChanged.emit((event.data as { app: string }).app);
    } else {
      void this.reload();
    }
  }

  /** Running all cells deploys many times; one list is read at a time, and once more at the end. */
  private async reload(): Promise<void> {
    this.stale = true;
    if (this.reloading) {
      return;
    }
    this.reloading = true;
    try {
      while (this.stale) {
        this.stale = false;
        this.apps = await requests.apps();
        this.changed.emit();
      }
    } catch (error) {
      console.warn('aiwe: the list of apps could not be read', error);
    }
    this.reloading = false;
  }

  private async recount(): Promise<void> {
    if (this.connection === 'running' && !document.hidden) {
      await requests.status().then(
        status => {
          this.report(status);
          this.changed.emit();
        },
        () => undefined // the event stream will tell that the engine is away
      );
    }
  }

  private report(status: Status): void {
    const now = performance.now() / 1000;
    const requestsMade = status.requests ?? 0;
    if (this.counted && now - this.counted.at > 0.5) {
      const rate = (requestsMade - this.counted.requests) / (now - this.counted.at);
      this.rate = Math.max(0, rate); // an engine that restarted counts from 0
    }
    this.counted = { requests: requestsMade, at: now };
    this.status = status;
  }

  /** Lines arrive in bursts; one signal per frame is enough for whoever draws them. */
  private add(line: LogLine): void {
    if (line.seq <= this.seen) {
      return;
    }
    this.seen = line.seq;
    this.waiting.push(line);
    if (this.waiting.length === 1) {
      setTimeout(() => {
        this.lines = [...this.lines, ...this.waiting].slice(-LINES_KEPT);
        this.waiting = [];
        this.logged.emit();
      }, 50);
    }
  }
}

export const statePlugin: JupyterFrontEndPlugin<IEngineState> = {
  id: '@aiwe/lab:state',
  description: 'Follows the aiwe engine of this Jupyter server.',
  autoStart: true,
  provides: IEngineState,
  activate: (app: JupyterFrontEnd): IEngineState => {
    const state = new EngineState();
    void state.run();
    app.commands.addCommand(Commands.retry, {
      label: 'Reconnect to the engine',
      caption: 'Try now instead of waiting for the next attempt',
      icon: aiweIcon,
      execute: () => state.retry()
    });
    return state;
  }
};
