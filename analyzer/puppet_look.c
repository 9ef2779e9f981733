/* SPDX-License-Identifier: MIT */
/*
 * puppet_look.c - the VMAs of a puppet. smaps says what there is to know, and slowly; vma_iter.h has the same
 * as the kernel's own numbers. What VmFlags are for such a number is learned from smaps, when it is first
 * seen.
 */
#include <string.h>
#include <unistd.h>

#include "puppet.h"
#include "say.h"
#include "vma_iter.h"

enum { LOOK_MAX = 4096 };

/* --- by smaps --- */

struct look {
	struct vmsc_seen_record *seen;
	int nr, max;
	bool done;
};

static int on_seen(void *ctx, const struct vmsc_seen_record *seen, const char *name, size_t length)
{
	struct look *look = ctx;

	(void)name;
	(void)length;
	look->done = look->done || seen->start >= VMSC_PUPPET_FILL || look->nr == look->max;
	if (!look->done)
		look->seen[look->nr++] = *seen;
	return 0;
}

static int look_by_text(struct vmsc_puppet *puppet, struct vmsc_seen_record *seen, int max)
{
	static char text[1 << 15];
	struct look look = {seen, 0, max, false};
	struct vmsc_smaps smaps;
	ssize_t n = 0;
	int err = 0;

	if (lseek(puppet->smaps, 0, SEEK_SET))
		return -1;
	vmsc_smaps_begin(&smaps, on_seen, &look);
	while (!err && !look.done && (n = read(puppet->smaps, text, sizeof(text))) > 0)
		err = vmsc_smaps_feed(&smaps, text, (size_t)n);
	if (!err && !look.done)
		err = vmsc_smaps_finish(&smaps);
	return err || n < 0 ? -1 : look.nr;
}

/* --- by the iterator --- */

static struct flags_known {
	uint64_t raw, vm_flags;
	bool known;
} table[1 << 14];

/* Its place in the table, or a free one. */
static struct flags_known *place_of(uint64_t raw)
{
	const size_t nr = sizeof(table) / sizeof(table[0]);
	size_t at = (size_t)((raw * UINT64_C(0x9e3779b97f4a7c15)) >> 50);
	static size_t used;

	while (table[at].known && table[at].raw != raw)
		at = (at + 1) % nr;
	if (table[at].known)
		return &table[at];
	if (used++ == nr / 2) { /* begin anew */
		memset(table, 0, sizeof(table));
		used = 1;
	}
	return &table[at];
}

static bool translate(const struct vmsc_raw_vma *raw, struct vmsc_seen_record *seen)
{
	const struct flags_known *flags = place_of(raw->raw_flags);

	memset(seen, 0, sizeof(*seen));
	seen->start = raw->start;
	seen->end = raw->end;
	seen->offset = raw->file ? raw->pgoff << VMSC_PAGE_SHIFT : 0;
	seen->inode = raw->inode;
	seen->vm_flags = flags->vm_flags;
	return flags->known;
}

/* Do both show the same? What is new in the numbers is learned. */
static bool learn(const struct vmsc_raw_vma *raw, const struct vmsc_seen_record *seen, int nr)
{
	for (int i = 0; i < nr; i++) {
		struct flags_known *flags = place_of(raw[i].raw_flags);

		if (raw[i].start != seen[i].start || raw[i].end != seen[i].end ||
		    !raw[i].file != !seen[i].inode ||
		    (raw[i].file && raw[i].pgoff << VMSC_PAGE_SHIFT != seen[i].offset) ||
		    (flags->known && flags->vm_flags != seen[i].vm_flags))
			return false;
		*flags = (struct flags_known){raw[i].raw_flags, seen[i].vm_flags, true};
	}
	return true;
}

int vmsc_puppet_look(struct vmsc_puppet *puppet, bool text, struct vmsc_seen_record *seen, int max)
{
	static struct vmsc_raw_vma raw[LOOK_MAX];
	int nr, by_text, most = max < LOOK_MAX ? max : LOOK_MAX;

	if (puppet->iter < 0)
		return look_by_text(puppet, seen, max);
	nr = vmsc_vma_iter_read(puppet->iter, raw, most);
	for (int i = 0; i < nr; i++)
		text = !translate(&raw[i], &seen[i]) || text;
	if (nr < 0 || !text)
		return nr;
	by_text = look_by_text(puppet, seen, most);
	if (by_text != nr || !learn(raw, seen, nr))
		return -1;
	for (int i = 0; i < nr; i++)
		(void)translate(&raw[i], &seen[i]);
	return nr;
}
