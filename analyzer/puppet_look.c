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

/*
 * Each bit of the kernel's stands for one flag, or for none. Which, is known from two numbers that differ in
 * it alone; then a number that was never seen follows from one that was. What follows is held against smaps
 * when it turns up there.
 */
struct flags_known {
	uint64_t raw, vm_flags;
	bool known;
};

enum { TABLE_BITS = 14, TABLE = 1 << TABLE_BITS };

static struct {
	struct flags_known table[TABLE], *list[TABLE / 2]; /* the list: of what was seen */
	size_t used, listed;
	uint64_t bits, flag_of[64]; /* which bits are known, and what they stand for */
} flags;

/* Its place in the table, or a free one. */
static struct flags_known *place_of(uint64_t raw)
{
	size_t at = (size_t)((raw * UINT64_C(0x9e3779b97f4a7c15)) >> (64 - TABLE_BITS));

	while (flags.table[at].known && flags.table[at].raw != raw)
		at = (at + 1) % TABLE;
	return &flags.table[at];
}

static void enter(uint64_t raw, uint64_t vm_flags)
{
	if (flags.used == TABLE / 2) /* begin anew */
		memset(&flags, 0, sizeof(flags));
	flags.used++;
	*place_of(raw) = (struct flags_known){raw, vm_flags, true};
}

/* What the known ones of these bits stand for. */
static uint64_t flags_of_bits(uint64_t raw)
{
	uint64_t vm_flags = 0;

	for (raw &= flags.bits; raw; raw &= raw - 1)
		vm_flags |= flags.flag_of[__builtin_ctzll(raw)];
	return vm_flags;
}

static void see(uint64_t raw, uint64_t vm_flags)
{
	enter(raw, vm_flags);
	flags.list[flags.listed++] = place_of(raw);
	for (size_t i = 0; i < flags.listed; i++) {
		const struct flags_known *other = flags.list[i];
		uint64_t bit = (raw ^ other->raw) & ~flags.bits;
		uint64_t unlike = vm_flags ^ other->vm_flags ^ flags_of_bits(raw ^ other->raw);

		if (!bit || bit & (bit - 1))
			continue;
		flags.flag_of[__builtin_ctzll(bit)] = unlike;
		flags.bits |= bit;
	}
}

static bool follows(uint64_t raw)
{
	for (size_t i = 0; i < flags.listed; i++) {
		const struct flags_known *other = flags.list[i];
		uint64_t unlike = raw ^ other->raw;

		if (unlike & ~flags.bits)
			continue;
		enter(raw, other->vm_flags ^ flags_of_bits(unlike));
		return true;
	}
	return false;
}

static bool translate(const struct vmsc_raw_vma *raw, struct vmsc_seen_record *seen)
{
	const struct flags_known *place = place_of(raw->raw_flags);

	if (!place->known && follows(raw->raw_flags))
		place = place_of(raw->raw_flags);
	memset(seen, 0, sizeof(*seen));
	seen->start = raw->start;
	seen->end = raw->end;
	seen->offset = raw->file ? raw->pgoff << VMSC_PAGE_SHIFT : 0;
	seen->inode = raw->inode;
	seen->vm_flags = place->vm_flags;
	return place->known;
}

/* Do both show the same? What is new in the numbers is learned. */
static bool learn(const struct vmsc_raw_vma *raw, const struct vmsc_seen_record *seen, int nr)
{
	for (int i = 0; i < nr; i++) {
		struct flags_known *place = place_of(raw[i].raw_flags);

		if (raw[i].start != seen[i].start || raw[i].end != seen[i].end ||
		    !raw[i].file != !seen[i].inode ||
		    (raw[i].file && raw[i].pgoff << VMSC_PAGE_SHIFT != seen[i].offset) ||
		    (place->known && place->vm_flags != seen[i].vm_flags))
			return false;
		if (!place->known)
			see(raw[i].raw_flags, seen[i].vm_flags);
	}
	return true;
}

/* After an act: smaps would tell of later ones too. */
static int look_back(const struct vmsc_puppet_done *done, struct vmsc_seen_record *seen, int max)
{
	int nr = done->nr < max ? done->nr : max;

	for (int i = 0; i < nr; i++)
		if (!translate(&done->vmas[i], &seen[i]))
			return -2;
	return nr;
}

int vmsc_puppet_look(struct vmsc_puppet *puppet, bool text, struct vmsc_seen_record *seen, int max)
{
	static struct vmsc_raw_vma raw[LOOK_MAX];
	int nr, by_text, most = max < LOOK_MAX ? max : LOOK_MAX;

	if (puppet->shown)
		return look_back(puppet->shown, seen, max);
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
