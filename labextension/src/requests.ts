/**
 * The only file that speaks HTTP. Every call goes through Jupyter's own connection settings, so
 * tokens, cookies and the XSRF header are Jupyter's business; every failure leaves as an
 * `EngineError` in the engine's error shape, whoever wrote it: engine, Jupyter, or no one.
 */

import { URLExt } from '@jupyterlab/coreutils';
import { ServerConnection } from '@jupyterlab/services';

import type {
  App,
  Asset,
  CellSource,
  Diagnostic,
  EngineEvent,
  Failure,
  LogLine,
  Status,
  TryAnswer,
  TryRequest
} from './tokens';

export class EngineError extends Error implements Failure {
  readonly code: string;
  readonly hint?: string;

  constructor(failure: Failure) {
    super(failure.message);
    this.code = failure.code;
    this.hint = failure.hint;
  }
}

const settings = ServerConnection.makeSettings();

export const status = () => ask<Status>('GET', 'status');
export const apps = async () => {
  const { apps } = await ask<{ apps: App[] }>('GET', 'apps');
  return apps.sort((one, other) => one.app.localeCompare(other.app));
};
export const logs = async (after: number, limit: number) =>
  (await ask<{ lines: LogLine[] }>('GET', `logs?after=${after}&limit=${limit}`)).lines;
export const assets = async (app: string) =>
  (await ask<{ assets: Asset[] }>('GET', `assets/${app}`)).assets;
/** The browser reads the file while it sends it: it may be a large one. */
export const putAsset = async (app: string, path: string, file: File) =>
  (await (await send('PUT', assetOf(app, path), file)).json()) as Asset;
export const deleteAsset = (app: string, path: string) => ask<void>('DELETE', assetOf(app, path));
export const tryRoute = (request: TryRequest) => ask<TryAnswer>('POST', 'try', request);
export const arrange = (path: string, cells: string[]) =>
  ask<void>('PUT', 'documents', { app: '', path, cells, saved: false });
export const diagnostics = async (session: string, cell: CellSource, others: CellSource[]) => {
  const body = { session, ...cell, others };
  return (await ask<{ diagnostics: Diagnostic[] }>('POST', 'language/diagnostics', body)).diagnostics;
};

/**
 * Follow the engine's events until the connection ends. Resolves when the server closes it,
 * rejects with an `EngineError` when it could not be opened or broke.
 */
export async function follow(opened: () => void, each: (event: EngineEvent) => void): Promise<void> {
  const response = await send('GET', 'events');
  if (!response.body) {
    throw new EngineError({ code: 'no_stream', message: 'This browser gives no response streams.' });
  }
  opened();
  const reader = response.body.pipeThrough(new TextDecoderStream()).getReader();
  let rest = '';
  for (;;) {
    const { done, value } = await reader.read().catch(() => {
      throw unreachable();
    });
    if (done) {
      return;
    }
    const blocks = (rest + value).split('\n\n');
    rest = blocks.pop() ?? '';
    blocks.map(parseEvent).forEach(event => event && each(event));
  }
}

function parseEvent(block: string): EngineEvent | null {
  let type = 'message';
  const data: string[] = [];
  for (const line of block.split('\n')) {
    const [, field, value] = /^(event|data): ?(.*)$/.exec(line) ?? [];
    if (field === 'event') {
      type = value ?? '';
    } else if (field === 'data') {
      data.push(value ?? '');
    }
  }
  if (!data.length || !['assets', 'deploy', 'log', 'status'].includes(type)) {
    return null; // a comment that keeps the connection open, or news for a later version
  }
  return { type: type as EngineEvent['type'], data: JSON.parse(data.join('\n')) };
}

const assetOf = (app: string, path: string) =>
  `assets/${app}/${path.split('/').map(encodeURIComponent).join('/')}`;

async function ask<T>(method: string, path: string, body?: unknown): Promise<T> {
  const response = await send(method, path, body);
  return response.status === 204 ? (undefined as T) : ((await response.json()) as T);
}

async function send(method: string, path: string, body?: unknown): Promise<Response> {
  const url = URLExt.join(settings.baseUrl, 'aiwe/api', path);
  const init: RequestInit = { method };
  if (body instanceof File) {
    init.body = body;
    init.headers = { 'Content-Type': 'application/octet-stream' };
  } else if (body !== undefined) {
    init.body = JSON.stringify(body);
    init.headers = { 'Content-Type': 'application/json' };
  }
  let response: Response;
  try {
    response = await ServerConnection.makeRequest(url, init, settings);
  } catch {
    throw unreachable();
  }
  if (!response.ok) {
    throw await refused(response);
  }
  return response;
}

function unreachable(): EngineError {
  return new EngineError({
    code: 'server_unreachable',
    message: 'The Jupyter server does not answer.',
    hint: 'Is it still running? The connection is tried again by itself.'
  });
}

async function refused(response: Response): Promise<EngineError> {
  const answer = await response.json().catch(() => ({}));
  if (answer?.error?.message) {
    return new EngineError(answer.error as Failure);
  }
  if (response.status === 404) {
    return new EngineError({
      code: 'extension_missing',
      message: 'This Jupyter server has no aiwe extension.',
      hint: 'Enable it with `jupyter server extension enable aiwe_server_extension` and start again.'
    });
  }
  return new EngineError({
    code: 'refused',
    message: answer?.message ?? `${response.status} ${response.statusText}`,
    hint: response.status === 403 ? 'Log in to Jupyter again and reload this page.' : undefined
  });
}
