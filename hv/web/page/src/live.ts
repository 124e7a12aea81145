// SPDX-License-Identifier: Apache-2.0
// The guests' list, fetched again and again while somebody looks, and the events in between. Views subscribe.
import { get, limited } from './api.ts';
import { emptyState, withEvent, withGuests, type Guest, type State } from './state.ts';

const EVERY_MS = 2000;
const LINES = 1000;

export interface Line { level: string; text: string; time: string }

export class Live {
	state: State = emptyState();
	lines: Line[] = [];
	answering = true;
	private listeners = new Set<() => void>();
	private lineListeners = new Set<(l: Line) => void>();
	private timer = 0;
	private asking = false;
	private source: EventSource | null = null;

	start(): void {
		this.stop();
		this.source = new EventSource('/v1/events');
		this.source.addEventListener('guest', (e) => {
			this.state = withEvent(this.state, JSON.parse((e as MessageEvent).data));
			this.tell();
			void this.refresh();
		});
		this.source.addEventListener('log', (e) => this.addLine(JSON.parse((e as MessageEvent).data)));
		this.timer = window.setInterval(() => document.hidden || void this.refresh(), EVERY_MS);
		if (!limited())
			void get<{ lines: Line[] }>('/v1/log').then((l) => {
				this.lines = [...l.lines, ...this.lines].slice(-LINES);
				this.tell();
			}, () => {});
		void this.refresh();
	}

	stop(): void {
		clearInterval(this.timer);
		this.source?.close();
		this.source = null;
		this.state = emptyState();
		this.lines = [];
	}

	async refresh(): Promise<void> {
		if (this.asking)
			return;
		this.asking = true;
		try {
			this.state = withGuests(this.state, await get<Guest[]>('/v1/guests'), performance.now());
			this.answering = true;
		} catch {
			this.answering = false;
		}
		this.asking = false;
		this.tell();
	}

	guest(name: string): Guest | undefined {
		return this.state.guests.find((g) => g.name === name);
	}

	// Until the function that comes back is called.
	watch(f: () => void): () => void {
		this.listeners.add(f);
		return () => this.listeners.delete(f);
	}

	watchLines(f: (l: Line) => void): () => void {
		this.lineListeners.add(f);
		return () => this.lineListeners.delete(f);
	}

	private addLine(l: Line): void {
		this.lines.push(l);
		if (this.lines.length > LINES)
			this.lines.shift();
		this.lineListeners.forEach((f) => f(l));
	}

	private tell(): void {
		this.listeners.forEach((f) => f());
	}
}

export const live = new Live();
