/**
 * The words of the extension: what the management API answers (docs/management.md), and the
 * tokens by which the plugins know each other. Types only; nothing here does anything.
 */

import { Token } from '@lumino/coreutils';
import type { ISignal } from '@lumino/signaling';

/** A place in the author's own text. Lines and columns count from 1. */
export interface Where {
  file?: string | null;
  cell?: string | null;
  line?: number | null;
  column?: number | null;
}

/** The error shape of every face. */
export interface Failure {
  code: string;
  message: string;
  hint?: string;
}

export interface Route {
  method: string;
  path: string;
  url: string;
  where?: Where | null;
  summary?: string | null;
}

export interface App {
  app: string;
  env: string;
  version: string;
  url: string;
  path?: string | null;
  routes: Route[];
  warnings: string[];
}

/** A file below /assets/ of an app. */
export interface Asset {
  path: string;
  url: string;
  content_type: string;
  size: number;
  sha256: string;
  /** What it comes from: an upload or `Assets.write`, a `%%asset` cell, the folder `assets`. */
  origin: 'written' | 'cell' | 'folder';
  /** The cell that it is. */
  cell?: string | null;
  /** What has an asset of the same path, which is not seen for this one. */
  hides: ('cell' | 'folder')[];
}

export type Level = 'debug' | 'info' | 'warn' | 'error';

export interface LogLine {
  seq: number;
  time: number;
  app: string;
  env: string;
  version: string;
  level: Level;
  text: string;
  request_id?: string | null;
  where?: Where | null;
}

export interface Status {
  version: string;
  env: string;
  pid: number;
  uptime: number;
  apps_url: string;
  apps: number;
  requests?: number;
  memory_mb?: number;
}

export interface TryRequest {
  app: string;
  method: string;
  path: string;
  headers?: [string, string][];
  body?: string;
}

export interface TryAnswer {
  status: number;
  headers: [string, string][];
  body: string;
  encoding: 'text' | 'base64';
  milliseconds: number;
}

export interface Diagnostic {
  start: number;
  end: number;
  severity: 'error' | 'warning' | 'info' | 'hint';
  code: number | string;
  message: string;
}

export interface CellSource {
  cell: string;
  source: string;
}

/** What the event stream says. */
export interface EngineEvent {
  type: 'assets' | 'deploy' | 'log' | 'status';
  data: unknown;
}

export type Connection = 'connecting' | 'running' | 'unreachable';

/** What the engine is doing, as far as this page knows; one object for all plugins. */
export interface IEngineState {
  readonly connection: Connection;
  /** Why the engine cannot be reached. */
  readonly failure: Failure | null;
  readonly status: Status | null;
  /** Requests per second between the last two status reports, null before the second. */
  readonly rate: number | null;
  readonly apps: readonly App[];
  readonly lines: readonly LogLine[];
  readonly changed: ISignal<IEngineState, void>;
  readonly logged: ISignal<IEngineState, void>;
  /** Assets of the app of this name were written or deleted. */
  readonly assetsChanged: ISignal<IEngineState, string>;
  /** Try to connect now instead of waiting for the next attempt. */
  retry(): void;
  clearLines(): void;
}

export const IEngineState = new Token<IEngineState>(
  '@aiwe/lab:IEngineState',
  'The state of the aiwe engine: connection, apps with their routes, log lines.'
);

/** The ids of the commands that one plugin offers to another. */
export namespace Commands {
  export const newNotebook = 'aiwe:new-notebook';
  export const welcome = 'aiwe:welcome';
  export const showApps = 'aiwe:show-apps';
  export const showLogs = 'aiwe:show-logs';
  export const openPlace = 'aiwe:open-place';
  export const retry = 'aiwe:retry';
}
