/**
 * Where an app is reached from this browser. On the engine's own machine that is the app's own
 * origin; through a hub or a proxy only Jupyter's address gets out, and the app is served below
 * it (as a sandboxed page).
 */

import { PageConfig, URLExt } from '@jupyterlab/coreutils';

import type { App, Route } from './tokens';

const LOCAL = /^(localhost|.*\.localhost|127(\.\d+){3}|\[::1\])$/;

/** The address of an app's path; `path` is a real one, without `:parameters`. */
export function addressOf(app: App, path: string): string {
  const base = LOCAL.test(window.location.hostname)
    ? app.url
    : new URL(URLExt.join(PageConfig.getBaseUrl(), 'aiwe/apps', app.app), window.location.href).href;
  return URLExt.join(base, path);
}

/** Names of the parameters of a route's pattern, in order: `/files/:owner/*rest`. */
export function parametersOf(path: string): string[] {
  return path
    .split('/')
    .filter(part => /^[:*]./.test(part))
    .map(part => part.slice(1));
}

/** The path with its parameters filled in; those of a wildcard keep their slashes. */
export function fill(path: string, values: Record<string, string>): string {
  return path
    .split('/')
    .map(part => {
      const value = values[part.slice(1)] ?? '';
      if (/^:./.test(part)) {
        return encodeURIComponent(value);
      }
      return /^\*./.test(part) ? value.split('/').map(encodeURIComponent).join('/') : part;
    })
    .join('/');
}

/** Routes that a click can open: nothing but GET, nothing to fill in. */
export function opens(route: Route): boolean {
  return ['GET', '*'].includes(route.method) && !/\/[:*]/.test(route.path);
}
