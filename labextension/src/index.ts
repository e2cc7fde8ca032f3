/** The plugins of the extension; each file holds one. */

import { appsPlugin } from './appsPanel';
import { diagnosticsPlugin } from './diagnostics';
import { documentsPlugin } from './documents';
import { launcherPlugin } from './launcher';
import { logsPlugin } from './logsView';
import { placesPlugin } from './places';
import { statePlugin } from './state';
import { statusPlugin } from './statusItem';

export default [
  statePlugin,
  launcherPlugin,
  placesPlugin,
  appsPlugin,
  logsPlugin,
  statusPlugin,
  documentsPlugin,
  diagnosticsPlugin
];
