// SPDX-License-Identifier: Apache-2.0
// Keys of the API's answers, and the fields that they speak of. Pure.

// Which of the fields an answer's key speaks of: "disk[1].volume", "disk.volume" and "disk" all find the nearest.
export function fieldFor(keys: string[], key: string): number {
	const plain = key.replace(/\[(\d+)\]/g, '.$1');

	for (let k = plain; k; k = k.includes('.') ? k.slice(0, k.lastIndexOf('.')) : '') {
		const exact = keys.indexOf(k);

		if (exact >= 0)
			return exact;
	}
	return keys.findIndex((k) => k.startsWith(`${plain}.`));
}
