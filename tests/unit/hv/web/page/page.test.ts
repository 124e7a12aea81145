// SPDX-License-Identifier: Apache-2.0
// What of the page is pure: states and rates, formats, the form's words, the picture.
import test from 'node:test';
import assert from 'node:assert/strict';
import { bytes, count, duration, moment, planSize, ranges, sparkline } from '../../../../../hv/web/page/src/format.ts';
import { actionsOf, emptyState, mood, SLOTS, withEvent, withGuests, type Guest } from '../../../../../hv/web/page/src/state.ts';
import { coresOf, coresText, planOf, valuesOf, type GuestPlan } from '../../../../../hv/web/page/src/guest_form.ts';
import { colourOf, memoryBy, ownerOf, packagesOf } from '../../../../../hv/web/page/src/picture.ts';
import { fieldFor } from '../../../../../hv/web/page/src/keys.ts';
import { isWhole, withProgress } from '../../../../../hv/web/page/src/inventory.ts';

const guest = (name: string, more: Partial<Guest> = {}): Guest => ({ name, state: 'running', cores: [1], memory: 1 << 20, starts: 1, uptime_ms: 1,
	exits: 0, interrupts: 0, halted_ms: 0, owned_apics: 0, network_in_bytes: 0, network_out_bytes: 0, disk_read_bytes: 0, disk_written_bytes: 0, ...more });

test('volumes that come show how far they are, and are offered to no guest', () => {
	const v = (kind: string, more = {}) => ({ name: kind, kind, bytes: 16, disk: 'd', in_use: false, ...more });
	const all = [v('volume'), v('new', { filled_bytes: 3, fill_bytes: 16 }), v('unfinished', { filled_bytes: 0, fill_bytes: 0 }), v('partition')];

	assert.deepEqual(all.filter(isWhole).map((x) => x.kind), ['volume', 'partition']);
	assert.deepEqual(withProgress(all).map((x) => x.progress), [undefined, '18 %', '100 %', undefined]);
	assert.ok(withProgress(all).every((x) => !('filled_bytes' in x) && !('fill_bytes' in x)));
});

test('sizes, counts and times', () => {
	assert.deepEqual([0, 1023, 1024, 1536, 192 * 2 ** 20, 2 ** 40].map(bytes), ['0 B', '1023 B', '1 KiB', '1.5 KiB', '192 MiB', '1 TiB']);
	assert.deepEqual([2 ** 30, 512 * 2 ** 20, 1.5 * 2 ** 30].map(planSize), ['1GiB', '512MiB', '1536MiB']);
	assert.deepEqual([0, 1.25, 12.6, 1234, 12345, 3.2e6, 5e9].map(count), ['0', '1.3', '13', '1.2 k', '12 k', '3.2 M', '5.0 G']);
	assert.deepEqual([999, 61_000, 3_700_000, 90_000_000].map(duration), ['0 s', '1 min 1 s', '1 h 1 min', '1 d 1 h']);
	assert.deepEqual(['2026-11-21T11:51:48.861Z', '1999-01-01T00:00:00Z', '-'].map(moment), ['2026-11-21 11:51:48 UTC', '1999-01-01 00:00:00 UTC', '-']);
	assert.deepEqual([[], [3], [1, 2], [5, 0, 1, 2]].map(ranges), ['', '3', '1, 2', '0-2, 5']);
});

test('a line stays in its box', () => {
	const points = sparkline([0, 50, 100, 1e12], 90, 20, 10).split(' ').map((p) => p.split(',').map(Number));

	assert.equal(points.length, 4);
	assert.ok(points.every(([x, y]) => x >= 0 && x <= 90 && y >= 0 && y <= 20));
	assert.equal(points[3][0], 90);
	assert.equal(sparkline([], 90, 20, 10), '');
});

test('rates come of two looks, and begin anew with a new life', () => {
	let s = withGuests(emptyState(), [guest('a', { exits: 100 })], 1000);

	assert.deepEqual(s.tracks.get('a')?.exits, []);
	s = withGuests(s, [guest('a', { exits: 300, disk_read_bytes: 10, network_in_bytes: 10 })], 3000);
	assert.deepEqual(s.tracks.get('a')?.exits, [100]);
	assert.deepEqual(s.tracks.get('a')?.io, [10]);
	s = withGuests(s, [guest('a', { exits: 5 })], 5000);
	assert.deepEqual(s.tracks.get('a')?.exits, [100]);
	s = withGuests(s, [guest('a', { exits: 15 })], 5000);		// no time has passed
	assert.deepEqual(s.tracks.get('a')?.exits, [100]);
	for (let i = 0; i < 2 * SLOTS; i++)
		s = withGuests(s, [guest('a', { exits: 100 + i })], 6000 + i * 1000);
	assert.equal(s.tracks.get('a')?.exits.length, SLOTS);
	assert.equal(withGuests(s, [], 1e6).tracks.size, 0);
});

test('events change a state before the next list', () => {
	const s = withGuests(emptyState(), [guest('a'), guest('b')], 0);

	assert.equal(withEvent(s, { name: 'b', state: 'killed' }).guests[1].state, 'killed');
	assert.deepEqual(withEvent(s, { name: 'a', state: 'deleted' }).guests.map((g) => g.name), ['b']);
	assert.equal(withEvent(s, { name: 'c', state: 'off' }).guests.length, 2);
});

test('what may be asked in which state', () => {
	assert.deepEqual([...actionsOf('off')], ['start']);
	assert.ok(actionsOf('running').has('pause') && !actionsOf('running').has('start') && !actionsOf('running').has('resume'));
	assert.ok(actionsOf('paused').has('resume') && !actionsOf('paused').has('stop'));
	assert.equal(actionsOf('deleting').size, 0);
	assert.deepEqual(['running', 'killed', 'off', 'starting'].map(mood), ['good', 'bad', 'calm', 'busy']);
});

test('cores: how many, or which', () => {
	assert.equal(coresOf(' 2 '), 2);
	assert.deepEqual(coresOf('[1, 3]'), [1, 3]);
	assert.deepEqual(coresOf('1,4-6'), [1, 4, 5, 6]);
	assert.equal(coresOf('many'), 'many');
	assert.equal(coresOf('1-x'), '1-x');
	assert.equal(coresText([1, 2]), '[1, 2]');
	assert.deepEqual(coresOf(coresText([7])), [7]);
});

test('a guest goes through the form and stays the same', () => {
	const p: GuestPlan = { cores: [1, 2], memory: '512MiB', boot: { type: 'linux', kernel: 'vmlinuz', cmdline: 'quiet' }, test_device: true, autostart: true,
		virtio_console: { ports: ['log'] }, disk: [{ volume: 'web', iops: 100 }, { image: 'a.img', readonly: true }],
		net: [{ switch: 'lan', vlan: 3, mac: '52:54:00:00:00:01' }, { switch: 'lan', model: 'e1000e' }] };

	assert.deepEqual(planOf({ ...valuesOf(p), virtio_console: true }, p), p);
});

test('what the form changes, and only that', () => {
	const p: GuestPlan = { cores: 1, memory: '512MiB', boot: { type: 'linux', kernel: 'k', initrd: 'i' }, cdrom: 'a.iso', disk: [{ volume: 'v' }] };
	const v = valuesOf(p), now = planOf({ ...v, initrd: '', cdrom: '', disk: [], display: true, net: [{ switch: 'lan', model: 'virtio', vlan: 'x' }] }, p);

	assert.deepEqual(now, { cores: 1, memory: '512MiB', boot: { type: 'linux', kernel: 'k' }, display: true, net: [{ switch: 'lan', vlan: 'x' }] });
	assert.deepEqual(planOf({ ...v, boot: 'uefi' }, p).boot, { type: 'uefi' });
	assert.deepEqual(planOf({ ...v, boot: 'elf', kernel: 'f' }, p).boot, { type: 'elf', file: 'f' });
});

test('a mistake finds its field', () => {
	const keys = ['name', 'memory', 'boot.type', 'boot.kernel', 'disk.0', 'disk.0.volume', 'disk.1.volume'];

	assert.equal(fieldFor(keys, 'memory'), 1);
	assert.equal(fieldFor(keys, 'boot.kernel'), 3);
	assert.equal(fieldFor(keys, 'disk[1].volume'), 6);
	assert.equal(fieldFor(keys, 'disk[0].iops'), 4);
	assert.equal(fieldFor(keys, 'boot'), 2);
	assert.equal(fieldFor(keys, 'disk'), 4);
	assert.equal(fieldFor(keys, 'cores'), -1);
	assert.equal(fieldFor(keys, ''), -1);
});

test('cores by package, cache and siblings', () => {
	const core = (index: number, pkg: number, l3: number, c: number, guest_?: string) => ({ index, apic_id: index, package: pkg, l3, smt_core: c, state: guest_ ? 'guest' : index ? 'idle' : 'control', guest: guest_, vcpu: 0 });
	const p = packagesOf([core(3, 1, 2, 1), core(0, 0, 0, 0), core(1, 0, 0, 0, 'a'), core(2, 0, 1, 2)]);

	assert.deepEqual(p.map((x) => x.caches.map((l) => l.physical.map((y) => y.cores.map((c) => c.index)))), [[[[0, 1]], [[2]]], [[[3]]]]);
	assert.deepEqual([core(0, 0, 0, 0), core(1, 0, 0, 0, 'a'), core(2, 0, 0, 0)].map(ownerOf), ['hypervisor', 'a', 'free']);
	assert.deepEqual(['a', 'b', 'hypervisor', 'free', 'failed'].map((o) => colourOf(o, ['a', 'b'])), ['owner0', 'owner1', 'ours', 'free', 'other']);
});

test('RAM by owner', () => {
	assert.deepEqual(memoryBy([{ owner: '', bytes: 5 }, { owner: 'b', bytes: 1 }, { owner: '(hypervisor)', bytes: 2 }, { owner: 'b', bytes: 3 }, { owner: '', bytes: 1 }], ['a', 'b']),
		[{ owner: 'b', bytes: 4 }, { owner: 'free', bytes: 6 }, { owner: 'hypervisor', bytes: 2 }]);
	assert.equal(ownerOf({ index: 1, apic_id: 1, package: 0, state: 'idle', owner: 'off-guest' }), 'off-guest');
	assert.equal(ownerOf({ index: 0, apic_id: 0, package: 0, state: 'control', owner: '(hypervisor)' }), 'hypervisor');
});
