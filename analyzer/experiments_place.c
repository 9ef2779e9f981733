/* SPDX-License-Identifier: MIT */
/*
 * experiments_place.c - where a mapping goes that may go anywhere.
 */
#include "experiments.h"

#include <fcntl.h>
#include <stdio.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/syscall.h>
#include <unistd.h>

#include "scratch.h"

/* Numbers of the kernel's that older headers lack. */
#define FLAG_ABOVE4G 0x80

/* Of four mappings of @size that the kernel places (@hint leads nowhere), how many are aligned to 2 MiB? What
 * lies between them is too large for the gaps that aligning leaves, so that chance aligns none after the
 * first. */
static int count_aligned(void *hint, size_t size)
{
	char *between, *place;
	int i, aligned = 0;

	for (i = 0; i < 4; i++) {
		between = mmap(NULL, PMD_SIZE + PAGE, PROT_NONE, ANON, -1, 0);
		place = mmap(hint, size, PROT_NONE, ANON, -1, 0);
		if (between == MAP_FAILED || place == MAP_FAILED)
			return -1;
		aligned += !((size_t)place % PMD_SIZE);
	}
	return aligned;
}

/* The number itself is chance where it is less than all, and evidence must be the same each time. */
static const char *are_aligned(int aligned)
{
	return aligned == 4 ? "are all aligned to 2 MiB" : "are not all aligned to 2 MiB";
}

static enum vmsc_finding thp_align_anon(struct vmsc_evidence *evidence)
{
	int aligned = count_aligned(NULL, 2 * PMD_SIZE);

	return vmsc_evidence_say(evidence, yes_if(aligned == 4), "anonymous mappings of 4 MiB %s",
				 are_aligned(aligned));
}

static enum vmsc_finding thp_align_multiple(struct vmsc_evidence *evidence)
{
	int aligned = count_aligned(NULL, 2 * PMD_SIZE + PAGE);

	if (count_aligned(NULL, 2 * PMD_SIZE) < 4)
		return vmsc_evidence_say(evidence, VMSC_FOUND_NOTHING, "nothing is aligned to 2 MiB");
	return vmsc_evidence_say(evidence, yes_if(aligned < 4), "mappings of 4 MiB + 4 KiB %s",
				 are_aligned(aligned));
}

static enum vmsc_finding thp_align_no_hint(struct vmsc_evidence *evidence)
{
	int aligned;

	if (!scratch_map(0, 1, PROT_NONE, ANON))
		return vmsc_evidence_fail(evidence, "mapping");
	aligned = count_aligned(scratch_page(0), 2 * PMD_SIZE);
	if (count_aligned(NULL, 2 * PMD_SIZE) < 4)
		return vmsc_evidence_say(evidence, VMSC_FOUND_NOTHING, "nothing is aligned to 2 MiB");
	return vmsc_evidence_say(evidence, yes_if(aligned < 4), "mappings of 4 MiB whose hint is taken %s",
				 are_aligned(aligned));
}

static enum vmsc_finding thp_align_dev_zero(struct vmsc_evidence *evidence)
{
	int fd = open("/dev/zero", O_RDWR | O_CLOEXEC), aligned = 0, i;
	char *between, *place;

	for (i = 0; i < 4; i++) {
		between = mmap(NULL, PMD_SIZE + PAGE, PROT_NONE, ANON, -1, 0);
		place = mmap(NULL, 2 * PMD_SIZE, PROT_NONE, MAP_PRIVATE, fd, 0);
		if (between == MAP_FAILED || place == MAP_FAILED)
			return vmsc_evidence_fail(evidence, "mapping /dev/zero");
		aligned += !((size_t)place % PMD_SIZE);
	}
	return vmsc_evidence_say(evidence, yes_if(aligned == 4), "private mappings of /dev/zero of 4 MiB %s",
				 are_aligned(aligned));
}

/* The ring of io_setup is a file whose file system has no say in its place: 2 MiB of it. */
static enum vmsc_finding thp_align_file_no_op(struct vmsc_evidence *evidence)
{
	const unsigned long events = 32766;
	unsigned long context;
	int aligned = 0, i;

	for (i = 0; i < 4; i++) {
		context = 0;
		if (mmap(NULL, PMD_SIZE + PAGE, PROT_NONE, ANON, -1, 0) == MAP_FAILED ||
		    syscall(SYS_io_setup, events, &context))
			return vmsc_evidence_fail(evidence, "io_setup with 32766 events");
		aligned += !(context % PMD_SIZE);
		syscall(SYS_io_destroy, context);
	}
	return vmsc_evidence_say(evidence, yes_if(aligned == 4), "rings of io_setup of 2 MiB %s",
				 are_aligned(aligned));
}

/* Where a search for @size finds room, without anything being aligned: that of shared memory. */
static char *plain_place(int fd, size_t size)
{
	char *place = mmap(NULL, size, PROT_NONE, MAP_SHARED, fd, 0);

	if (place != MAP_FAILED)
		munmap(place, size);
	return place == MAP_FAILED ? NULL : place;
}

/* A hole is made to end at 2 MiB, so that what is searched for begins there by chance. */
static enum vmsc_finding thp_topdown_sub0(struct vmsc_evidence *evidence)
{
	int fd = memfd_create("vmascope", MFD_CLOEXEC);
	size_t size = 2 * PMD_SIZE, over;
	char *place, *found;

	if (count_aligned(NULL, size) < 4)
		return vmsc_evidence_say(evidence, VMSC_FOUND_NOTHING, "nothing is aligned to 2 MiB");
	place = fd < 0 ? NULL : plain_place(fd, size + PMD_SIZE);
	over = place ? ((size_t)place + size + PMD_SIZE) % PMD_SIZE : 0;
	if (!place || (over && mmap(place + size + PMD_SIZE - over, over, PROT_NONE, ANON | MAP_FIXED, -1,
				    0) == MAP_FAILED))
		return vmsc_evidence_fail(evidence, "mapping a memfd");
	place = plain_place(fd, size + PMD_SIZE);
	found = mmap(NULL, size, PROT_NONE, ANON, -1, 0);
	if (!place || (size_t)place % PMD_SIZE || (found != place && found != place + PMD_SIZE))
		return vmsc_evidence_say(evidence, VMSC_FOUND_NOTHING, "no place could be prepared");
	return vmsc_evidence_say(evidence, yes_if(found == place + PMD_SIZE),
				 "in a hole that ends at 2 MiB, 4 MiB lie %s",
				 found == place ? "2 MiB below its end" : "at its end");
}

/* All that is free above 4 GiB is taken. False: not possible. */
static bool fill_above_4g(void)
{
	static char text[1 << 16];
	const unsigned long low = 1ul << 32, top = (1ul << 47) - PAGE;
	unsigned long end = low, start, next;
	int fd = open("/proc/self/maps", O_RDONLY | O_CLOEXEC), n;
	size_t have = 0;
	void *wanted;
	char *line;

	while ((n = (int)read(fd, text + have, sizeof(text) - 1 - have)) > 0)
		have += (size_t)n;
	close(fd);
	for (line = text; line && sscanf(line, "%lx-%lx", &start, &next) == 2;
	     end = next > end ? next : end) {
		start = start < top ? start : top;
		memcpy(&wanted, &end, sizeof(wanted));
		if (start > end &&
		    mmap(wanted, start - end, PROT_NONE, ANON_NORESERVE | MAP_FIXED, -1, 0) != wanted)
			return false;
		line = strchr(line, '\n');
		line = line ? line + 1 : NULL;
	}
	memcpy(&wanted, &end, sizeof(wanted));
	return end >= top || mmap(wanted, top - end, PROT_NONE, ANON_NORESERVE | MAP_FIXED, -1, 0) == wanted;
}

static enum vmsc_finding map_above4g(struct vmsc_evidence *evidence)
{
	void *place;

	if (!fill_above_4g())
		return vmsc_evidence_fail(evidence, "filling the address space");
	place = mmap(NULL, PAGE, PROT_NONE, ANON | FLAG_ABOVE4G, -1, 0);
	return vmsc_evidence_say(evidence, yes_if(place == MAP_FAILED),
				 "with no room above 4 GiB MAP_ABOVE4G %s",
				 place == MAP_FAILED ? "fails" : "goes below");
}

/* Nothing is reserved and nothing touched: it takes no page of the pool. */
static enum vmsc_finding hugetlb_hint_up(struct vmsc_evidence *evidence)
{
	char *hint = mmap(NULL, 4 * PMD_SIZE, PROT_NONE, ANON_NORESERVE, -1, 0), *place;

	if (hint == MAP_FAILED)
		return vmsc_evidence_fail(evidence, "mapping 8 MiB");
	munmap(hint, 4 * PMD_SIZE);
	hint += 2 * PMD_SIZE - (size_t)hint % PMD_SIZE + PAGE;
	place = mmap(hint, PMD_SIZE, RW, ANON_NORESERVE | MAP_HUGETLB, -1, 0);
	if (place == MAP_FAILED)
		return vmsc_evidence_fail(evidence, "mapping a huge page");
	if (place != hint - PAGE && place != hint - PAGE + PMD_SIZE)
		return vmsc_evidence_say(evidence, VMSC_FOUND_NOTHING,
					 "the hint for a huge page was not taken");
	return vmsc_evidence_say(evidence, yes_if(place > hint), "a hint inside of a huge page is rounded %s",
				 place > hint ? "up" : "down");
}

/* clang-format off */
const struct vmsc_experiments vmsc_place_experiments = {{
	[VMSC_RULE_THP_ALIGN_ANON] = thp_align_anon,
	[VMSC_RULE_THP_ALIGN_MULTIPLE] = thp_align_multiple,
	[VMSC_RULE_THP_ALIGN_NO_HINT] = thp_align_no_hint,
	[VMSC_RULE_THP_ALIGN_FILE_NO_OP] = thp_align_file_no_op,
	[VMSC_RULE_THP_ALIGN_DEV_ZERO] = thp_align_dev_zero,
	[VMSC_RULE_THP_TOPDOWN_SUB0] = thp_topdown_sub0,
	[VMSC_RULE_MAP_ABOVE4G] = map_above4g,
	[VMSC_RULE_HUGETLB_HINT_UP] = hugetlb_hint_up,
}};
/* clang-format on */
