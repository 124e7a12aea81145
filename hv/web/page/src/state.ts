// SPDX-License-Identifier: Apache-2.0
// What is known of the guests: lists and events come in, rates come out. Pure.

export interface Guest {
	name: string;
	state: string;
	cores: number[];
	memory: number;
	starts: number;
	uptime_ms: number;
	exits: number;
	interrupts: number;
	halted_ms: number;
	owned_apics: number;
	network_in_bytes: number;
	network_out_bytes: number;
	disk_read_bytes: number;
	disk_written_bytes: number;
	locked?: boolean;
	display?: boolean;
}

export interface Track { exits: number[]; io: number[]; last: { at: number; exits: number; io: number } | null }
export interface State { guests: Guest[]; tracks: Map<string, Track> }

export const SLOTS = 60;

export function emptyState(): State {
	return { guests: [], tracks: new Map() };
}

const ioOf = (g: Guest): number => g.network_in_bytes + g.network_out_bytes + g.disk_read_bytes + g.disk_written_bytes;

// A rate needs two looks; counters that went back are those of a new life.
function follow(track: Track, g: Guest, at: number): Track {
	const now = { at, exits: g.exits, io: ioOf(g) }, last = track.last;

	if (!last || now.exits < last.exits || now.io < last.io || at <= last.at)
		return { ...track, last: now };
	const seconds = (at - last.at) / 1000;
	return {
		exits: [...track.exits, (now.exits - last.exits) / seconds].slice(-SLOTS),
		io: [...track.io, (now.io - last.io) / seconds].slice(-SLOTS),
		last: now,
	};
}

// A list of all guests, as seen at this time (ms).
export function withGuests(state: State, guests: Guest[], at: number): State {
	const tracks = new Map<string, Track>();

	for (const g of guests)
		tracks.set(g.name, follow(state.tracks.get(g.name) ?? { exits: [], io: [], last: null }, g, at));
	return { guests, tracks };
}

// An event says a guest's new state before the next list comes.
export function withEvent(state: State, e: { name: string; state: string }): State {
	if (e.state === 'deleted')
		return { ...state, guests: state.guests.filter((g) => g.name !== e.name) };
	return { ...state, guests: state.guests.map((g) => (g.name === e.name ? { ...g, state: e.state } : g)) };
}

export type Action = 'start' | 'stop' | 'reset' | 'kill' | 'pause' | 'resume';
export const ACTIONS: Action[] = ['start', 'stop', 'pause', 'resume', 'reset', 'kill'];

const RESTS = ['off', 'ended', 'killed'];

// What may be asked of a guest now: docs/life-cycle.md, "States".
export function actionsOf(state: string): Set<Action> {
	switch (state) {
	case 'off': case 'ended': case 'killed': return new Set(['start']);
	case 'running': case 'panicked': return new Set(['stop', 'kill', 'reset', 'pause']);
	case 'starting': case 'stopping': return new Set(['stop', 'kill', 'reset']);
	case 'paused': return new Set(['resume', 'kill', 'reset']);
	case 'waiting': return new Set(['start', 'stop', 'kill']);
	default: return new Set();
	}
}

export const rests = (state: string): boolean => RESTS.includes(state);

// How a state looks: good, busy, bad, or nothing of it.
export function mood(state: string): 'good' | 'busy' | 'bad' | 'calm' {
	if (state === 'running')
		return 'good';
	if (state === 'killed' || state === 'panicked')
		return 'bad';
	return RESTS.includes(state) ? 'calm' : 'busy';
}
