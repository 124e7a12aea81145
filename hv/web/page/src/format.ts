// SPDX-License-Identifier: Apache-2.0
// Numbers as people read them. Pure.

const UNITS = ['B', 'KiB', 'MiB', 'GiB', 'TiB', 'PiB'];

export function bytes(n: number): string {
	let unit = 0;

	while (n >= 1024 && unit < UNITS.length - 1) {
		n /= 1024;
		unit++;
	}
	return `${unit && n < 10 && n !== Math.round(n) ? n.toFixed(1) : Math.round(n)} ${UNITS[unit]}`;
}

// As the plan writes sizes: "512MiB", "4GiB".
export function planSize(n: number): string {
	const gib = 2 ** 30;

	return n >= gib && n % gib === 0 ? `${n / gib}GiB` : `${Math.round(n / 2 ** 20)}MiB`;
}

// "2 cores": 1 core, 2 cores.
export function plural(n: number, word: string): string {
	return `${n} ${word}${n === 1 ? '' : 's'}`;
}

export function count(n: number): string {
	if (n < 1000)
		return n < 10 && n !== Math.round(n) ? n.toFixed(1) : String(Math.round(n));
	if (n < 1e6)
		return `${(n / 1e3).toFixed(n < 1e4 ? 1 : 0)} k`;
	return n < 1e9 ? `${(n / 1e6).toFixed(n < 1e7 ? 1 : 0)} M` : `${(n / 1e9).toFixed(1)} G`;
}

export function duration(ms: number): string {
	const s = Math.floor(ms / 1000), m = Math.floor(s / 60), hours = Math.floor(m / 60), days = Math.floor(hours / 24);

	if (days)
		return `${days} d ${hours % 24} h`;
	if (hours)
		return `${hours} h ${m % 60} min`;
	return m ? `${m} min ${s % 60} s` : `${s} s`;
}

// "2026-11-21T11:51:48.861Z" as people write it.
export function moment(time: string): string {
	return time.replace('T', ' ').replace(/\.\d+/, '').replace(/Z$/, ' UTC');
}

// The points of a line through values, oldest first, in a box; the largest touches the top, but not below scale.
export function sparkline(values: number[], width: number, height: number, slots: number, scale = 1): string {
	const top = Math.max(scale, ...values), step = width / Math.max(1, slots - 1);
	const first = slots - values.length;

	return values.map((v, i) => `${((first + i) * step).toFixed(1)},${(height - 1 - (v / top) * (height - 2)).toFixed(1)}`).join(' ');
}

// [0, 1, 2, 5] as "0-2, 5".
export function ranges(list: number[]): string {
	const sorted = [...list].sort((a, b) => a - b), out: string[] = [];

	for (let i = 0; i < sorted.length;) {
		let end = i;

		while (sorted[end + 1] === sorted[end] + 1)
			end++;
		out.push(end > i + 1 ? `${sorted[i]}-${sorted[end]}` : sorted.slice(i, end + 1).join(', '));
		i = end + 1;
	}
	return out.join(', ');
}
