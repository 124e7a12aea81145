// SPDX-License-Identifier: Apache-2.0
// noVNC, loaded when a screen is opened.
import RFB from '@novnc/novnc';

export function openScreen(node: HTMLElement, ws: WebSocket, viewOnly: boolean, said: (event: 'open' | 'closed', detail: string) => void) {
	const rfb = new RFB(node, ws, { shared: true });

	rfb.viewOnly = viewOnly;
	rfb.scaleViewport = true;
	rfb.background = 'transparent';
	rfb.addEventListener('connect', () => said('open', ''));
	rfb.addEventListener('disconnect', (e: CustomEvent<{ clean: boolean }>) => said('closed', e.detail.clean ? '' : 'the connection broke'));
	return {
		scale: (on: boolean) => void (rfb.scaleViewport = on),
		ctrlAltDel: () => rfb.sendCtrlAltDel(),
		focus: () => rfb.focus(),
		dispose: () => rfb.disconnect(),
	};
}
