// SPDX-License-Identifier: Apache-2.0
// The machine as boxes in boxes: packages, in them what shares a last-level cache, in that physical cores, in that the
// processors that share one. Pure.

export interface Core {
	index: number;
	apic_id: number;
	package: number;
	l3?: number;
	smt_core?: number;		// the same number: siblings, which share a physical core
	state: string;
	owner?: string;			// a guest, "(hypervisor)", or nobody
	guest?: string;
	vcpu?: number;
}

export interface Physical { cores: Core[] }
export interface Cache { id: number; physical: Physical[] }
export interface Package { id: number; caches: Cache[] }

function grouped<T>(list: T[], of: (t: T) => number): [number, T[]][] {
	const groups = new Map<number, T[]>();

	for (const t of list)
		groups.set(of(t), [...(groups.get(of(t)) ?? []), t]);
	return [...groups].sort((a, b) => a[0] - b[0]);
}

export function packagesOf(cores: Core[]): Package[] {
	return grouped(cores, (c) => c.package).map(([id, inPackage]) => ({
		id, caches: grouped(inPackage, (c) => c.l3 ?? 0).map(([l3, inCache]) => ({
			id: l3, physical: grouped(inCache, (c) => c.smt_core ?? c.apic_id).map(([, together]) => ({
				cores: together.sort((a, b) => a.index - b.index),
			})),
		})),
	}));
}

// Whose it is, for its colour: a guest's name, or what the hypervisor does with it.
export function ownerOf(c: Core): string {
	return c.guest || plainOwner(c.owner ?? '', c.state === 'control' ? 'hypervisor' : c.state === 'idle' ? 'free' : c.state);
}

// "(hypervisor)" of the API is no guest's name.
export const plainOwner = (owner: string, nobody = 'free'): string => owner.replace(/[()]/g, '') || nobody;

export interface Range { owner: string; bytes: number }

// RAM by owner: guests first, in their order, then what is left.
export function memoryBy(ranges: Range[], guests: string[]): Range[] {
	const sums = new Map<string, number>(guests.map((g) => [g, 0]));

	for (const r of ranges)
		sums.set(plainOwner(r.owner), (sums.get(plainOwner(r.owner)) ?? 0) + r.bytes);
	return [...sums].map(([owner, bytes]) => ({ owner, bytes })).filter((r) => r.bytes);
}

const COLOURS = 8;

// Each guest has one of the colours, by its place in the list, so that neighbours differ.
export function colourOf(owner: string, guests: string[]): string {
	const at = guests.indexOf(owner);

	if (at >= 0)
		return `owner${at % COLOURS}`;
	return owner === 'hypervisor' ? 'ours' : owner === 'free' ? 'free' : 'other';
}
