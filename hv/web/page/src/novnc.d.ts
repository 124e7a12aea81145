// SPDX-License-Identifier: Apache-2.0
// What the page uses of noVNC, which brings no types.
declare module '@novnc/novnc' {
	export default class RFB {
		constructor(target: HTMLElement, channel: WebSocket, options?: { shared?: boolean });
		viewOnly: boolean;
		scaleViewport: boolean;
		background: string;
		addEventListener(event: string, f: (e: CustomEvent<{ clean: boolean }>) => void): void;
		sendCtrlAltDel(): void;
		focus(): void;
		disconnect(): void;
	}
}
declare module '*.css';
