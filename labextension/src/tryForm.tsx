/** A form that sends one request to a route and shows the answer. */

import * as React from 'react';

import { addressOf, fill, opens, parametersOf } from './address';
import * as requests from './requests';
import type { App, Failure, Route, TryAnswer, TryRequest } from './tokens';

const SHOWN = 100_000; // characters of an answer's body that are drawn
const METHODS = ['GET', 'POST', 'PUT', 'PATCH', 'DELETE', 'HEAD', 'OPTIONS'];

/** What a person typed. */
export interface Draft {
  method: string;
  values: Record<string, string>;
  query: string;
  headers: string;
  body: string;
}

interface Outcome {
  answer?: TryAnswer;
  failure?: Failure;
}

interface Props {
  app: App;
  route: Route;
  drafts: Map<string, Draft>;
}

export function TryForm({ app, route, drafts }: Props): React.JSX.Element {
  const key = `${app.app} ${app.env} ${route.method} ${route.path}`;
  const [draft, setDraft] = React.useState(drafts.get(key) ?? emptyDraft(route));
  const [outcome, setOutcome] = React.useState<Outcome>({});
  const [busy, setBusy] = React.useState(false);
  const change = (part: Partial<Draft>) => {
    const next = { ...draft, ...part };
    drafts.set(key, next);
    setDraft(next);
  };
  const send = async () => {
    setBusy(true);
    try {
      setOutcome({ answer: await requests.tryRoute(toRequest(app, route, draft)) });
    } catch (error) {
      setOutcome({ failure: error as Failure });
    }
    setBusy(false);
  };
  return (
    <form
      className="aiwe-Try"
      onSubmit={event => {
        event.preventDefault();
        void send();
      }}
      onKeyDown={event => {
        if (event.key === 'Enter' && (event.ctrlKey || event.metaKey)) {
          event.preventDefault();
          void send();
        }
      }}
    >
      <Fields route={route} draft={draft} change={change} />
      <div className="aiwe-Try-actions">
        <button className="aiwe-button aiwe-primary" type="submit" disabled={busy} title="Ctrl+Enter, from any field">
          {busy ? 'Sending…' : 'Send'}
        </button>
        {draft.method === 'GET' && (
          <a className="aiwe-link" target="_blank" rel="noopener" href={addressOf(app, target(route, draft))}>
            Open
          </a>
        )}
        <button
          className="aiwe-link"
          type="button"
          title="The same request as a command line"
          onClick={() => void navigator.clipboard.writeText(asCurl(app, toRequest(app, route, draft)))}
        >
          Copy as curl
        </button>
      </div>
      <div aria-live="polite">
        {outcome.failure && <Failed failure={outcome.failure} />}
        {outcome.answer && <Answer answer={outcome.answer} />}
      </div>
    </form>
  );
}

interface FieldsProps {
  route: Route;
  draft: Draft;
  change: (part: Partial<Draft>) => void;
}

function Fields({ route, draft, change }: FieldsProps): React.JSX.Element {
  return (
    <>
      {route.method === '*' && (
        <label className="aiwe-Field">
          <span>Method</span>
          <select value={draft.method} onChange={event => change({ method: event.target.value })}>
            {METHODS.map(method => (
              <option key={method}>{method}</option>
            ))}
          </select>
        </label>
      )}
      {parametersOf(route.path).map(name => (
        <Text
          key={name}
          label={name}
          value={draft.values[name] ?? ''}
          required={true}
          set={value => change({ values: { ...draft.values, [name]: value } })}
        />
      ))}
      {hasBody(draft.method) && (
        <Text label="Body" rows={5} value={draft.body} placeholder="JSON" set={body => change({ body })} />
      )}
      <details className="aiwe-More" open={!!(draft.query || draft.headers) || undefined}>
        <summary>Query and headers</summary>
        <Text label="Query" value={draft.query} placeholder="page=1&sort=name" set={query => change({ query })} />
        <Text
          label="Headers"
          rows={Math.max(2, draft.headers.split('\n').length)}
          value={draft.headers}
          placeholder="Name: value"
          set={headers => change({ headers })}
        />
      </details>
    </>
  );
}

interface TextProps {
  label: string;
  value: string;
  set: (value: string) => void;
  rows?: number;
  placeholder?: string;
  required?: boolean;
}

function Text({ label, value, set, rows, placeholder, required }: TextProps): React.JSX.Element {
  const common = {
    value,
    placeholder,
    required,
    spellCheck: false,
    onChange: (event: React.ChangeEvent<HTMLInputElement | HTMLTextAreaElement>) => set(event.target.value)
  };
  return (
    <label className="aiwe-Field">
      <span>{label}</span>
      {rows ? <textarea rows={rows} {...common} /> : <input type="text" autoComplete="off" {...common} />}
    </label>
  );
}

function Failed({ failure }: { failure: Failure }): React.JSX.Element {
  return (
    <div className="aiwe-Notice" data-level="error">
      <p>{failure.message}</p>
      {failure.hint && <p className="aiwe-muted">{failure.hint}</p>}
    </div>
  );
}

function Answer({ answer }: { answer: TryAnswer }): React.JSX.Element {
  const type = header(answer, 'content-type');
  return (
    <div className="aiwe-Answer">
      <p className="aiwe-Answer-line">
        <b className="aiwe-Status" data-class={Math.floor(answer.status / 100)}>
          {answer.status}
        </b>
        <span>{answer.milliseconds.toFixed(1)} ms</span>
        <span className="aiwe-muted">{type.split(';')[0]}</span>
      </p>
      <details>
        <summary>Headers ({answer.headers.length})</summary>
        <table>
          <tbody>
            {answer.headers.map(([name, value], index) => (
              <tr key={index}>
                <th>{name}</th>
                <td>{value}</td>
              </tr>
            ))}
          </tbody>
        </table>
      </details>
      <Body answer={answer} type={type} />
    </div>
  );
}

function Body({ answer, type }: { answer: TryAnswer; type: string }): React.JSX.Element {
  if (!answer.body) {
    return <p className="aiwe-muted">The answer has no body.</p>;
  }
  if (answer.encoding === 'base64' && type.startsWith('image/')) {
    return <img src={`data:${type};base64,${answer.body}`} alt="The image that the route answered" />;
  }
  if (answer.encoding === 'base64') {
    return <p className="aiwe-muted">{Math.floor((answer.body.length * 3) / 4)} bytes that are not text.</p>;
  }
  const text = pretty(answer.body, type);
  return (
    <>
      <pre tabIndex={0} aria-label="Body of the answer">
        {text.slice(0, SHOWN)}
      </pre>
      {text.length > SHOWN && <p className="aiwe-muted">The rest of {text.length} characters is not shown.</p>}
    </>
  );
}

function emptyDraft(route: Route): Draft {
  const method = route.method === '*' ? 'GET' : route.method;
  return { method, values: {}, query: '', headers: '', body: hasBody(method) ? '{\n  \n}' : '' };
}

const hasBody = (method: string) => ['POST', 'PUT', 'PATCH', 'DELETE'].includes(method);

function target(route: Route, draft: Draft): string {
  const path = opens(route) ? route.path : fill(route.path, draft.values);
  const query = draft.query.replace(/^\?/, '');
  return query ? `${path}?${query}` : path;
}

/** A body is sent as JSON unless a header says otherwise. */
function toRequest(app: App, route: Route, draft: Draft): TryRequest {
  const headers = draft.headers
    .split('\n')
    .map(line => /^\s*([^:\s]+)\s*:\s*(.*?)\s*$/.exec(line))
    .filter(found => found !== null)
    .map(found => [found[1], found[2]] as [string, string]);
  const body = hasBody(draft.method) && draft.body.trim() ? draft.body : undefined;
  if (body && !headers.some(([name]) => name.toLowerCase() === 'content-type')) {
    headers.push(['content-type', 'application/json']);
  }
  return { app: app.app, method: draft.method, path: target(route, draft), headers, body };
}

function asCurl(app: App, request: TryRequest): string {
  const quote = (text: string) => `'${text.replace(/'/g, `'\\''`)}'`;
  const parts = ['curl', '-i', '-X', request.method, quote(addressOf(app, request.path))];
  for (const [name, value] of request.headers ?? []) {
    parts.push('-H', quote(`${name}: ${value}`));
  }
  return [...parts, ...(request.body ? ['--data-binary', quote(request.body)] : [])].join(' ');
}

function header(answer: TryAnswer, name: string): string {
  return answer.headers.find(([key]) => key.toLowerCase() === name)?.[1] ?? '';
}

function pretty(body: string, type: string): string {
  if (!/[/+]json\b/.test(type)) {
    return body;
  }
  try {
    return JSON.stringify(JSON.parse(body), null, 2);
  } catch {
    return body; // the route said JSON and sent something else: show what it sent
  }
}
