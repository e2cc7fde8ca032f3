/** The extension's own icons; `jp-icon3` makes the monochrome ones follow the theme. */

import { LabIcon } from '@jupyterlab/ui-components';

import aiwe from '../style/icons/aiwe.svg';
import card from '../style/icons/aiwe-card.svg';
import logs from '../style/icons/logs.svg';

export const aiweIcon = new LabIcon({ name: '@aiwe/lab:aiwe', svgstr: aiwe });
export const cardIcon = new LabIcon({ name: '@aiwe/lab:card', svgstr: card });
export const logsIcon = new LabIcon({ name: '@aiwe/lab:logs', svgstr: logs });
