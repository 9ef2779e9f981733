/* SPDX-License-Identifier: MIT */
/*
 * One small experiment per rule. Each runs alone in a scratch process that is thrown away, on pages far from
 * everything; it changes nothing outside that process.
 */
#include <errno.h>
#include <fcntl.h>
#include <linux/userfaultfd.h>
#include <stdarg.h>
#include <stdio.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/prctl.h>
#include <sys/ioctl.h>
#include <sys/ipc.h>
#include <sys/shm.h>
#include <sys/syscall.h>
#include <sys/uio.h>
#include <sys/wait.h>
#include <unistd.h>

#include "rules.h"
#include "scratch.h"

/* Numbers of the kernel's that older headers lack. */
#define NR_MAP_SHADOW_STACK   453
#define NR_MEMFD_SECRET	      447
#define NR_MSEAL	      462
#define OP_SET_VMA	      0x53564d41
#define OP_SET_MDWE	      65
#define OP_GET_MDWE	      66
#define OP_SET_MEMORY_MERGE   67
#define ADVICE_GUARD_INSTALL  102
#define TYPE_DROPPABLE	      8
#define MREMAP_FLAG_DONTUNMAP 4
#define FLAG_STACK	      0x20000
#define FLAG_ABOVE4G	      0x80
#define PMD		      ((size_t)VMSC_PMD_SIZE)
#define PAGE		      ((size_t)VMSC_PAGE_SIZE)

static enum vmsc_finding say(struct vmsc_evidence *evidence, enum vmsc_finding finding, const char *format,
			     ...) __attribute__((format(printf, 3, 4)));

static enum vmsc_finding say(struct vmsc_evidence *evidence, enum vmsc_finding finding, const char *format,
			     ...)
{
	va_list args;

	va_start(args, format);
	vsnprintf(evidence->text, sizeof(evidence->text), format, args);
	va_end(args);
	return finding;
}

static enum vmsc_finding yes_if(bool yes)
{
	return yes ? VMSC_FOUND_YES : VMSC_FOUND_NO;
}

static enum vmsc_finding impossible(struct vmsc_evidence *evidence, const char *what)
{
	return say(evidence, VMSC_FOUND_NOTHING, "%s failed: %s", what, strerror(errno));
}

static enum vmsc_finding mprotect_unaccount(struct vmsc_evidence *evidence)
{
	bool accounted;

	if (!scratch_map(0, 1, RW, ANON) || !(scratch_flags(0) & VMSC_VM(ACCOUNT)) ||
	    !scratch_protect(0, 1, PROT_NONE))
		return impossible(evidence, "mapping an accounted page");
	accounted = scratch_flags(0) & VMSC_VM(ACCOUNT);
	return say(evidence, yes_if(!accounted), "an untouched rw page made PROT_NONE %s ac",
		   accounted ? "keeps" : "loses");
}

static enum vmsc_finding new_merge_prev_first(struct vmsc_evidence *evidence)
{
	struct scratch_view view;

	if (!scratch_map(0, 2, RW, ANON) || !scratch_map(4, 2, RW, ANON))
		return impossible(evidence, "mapping");
	scratch_touch(1);
	scratch_touch(4);
	if (!scratch_map(2, 2, RW, ANON))
		return impossible(evidence, "mapping");
	scratch_look(2, 1, &view);
	if (view.start == 0 && view.end == 4)
		return say(evidence, VMSC_FOUND_YES, "a mapping between two written ones joined the lower");
	if (view.start == 2 && view.end == 6)
		return say(evidence, VMSC_FOUND_NO, "a mapping between two written ones joined the upper");
	return say(evidence, VMSC_FOUND_NOTHING, "a mapping between two written ones joined neither");
}

static enum vmsc_finding av_merge_fix(struct vmsc_evidence *evidence)
{
	size_t vmas;

	if (!scratch_map(0, 3, PROT_READ, ANON_NORESERVE) || !scratch_protect(1, 1, RW))
		return impossible(evidence, "mapping r|rw|r");
	scratch_touch(1);
	if (!scratch_protect(1, 1, PROT_READ))
		return impossible(evidence, "mprotect");
	vmas = scratch_vmas(0, 3);
	return say(evidence, yes_if(vmas == 1),
		   "a written page between untouched ones, all r again: %zu VMAs", vmas);
}

static enum vmsc_finding merge_any(struct vmsc_evidence *evidence)
{
	if (!prctl(OP_SET_MEMORY_MERGE, 1, 0, 0, 0))
		return say(evidence, VMSC_FOUND_YES, "PR_SET_MEMORY_MERGE works");
	return say(evidence, errno == EINVAL ? VMSC_FOUND_NO : VMSC_FOUND_NOTHING, "PR_SET_MEMORY_MERGE: %s",
		   strerror(errno));
}

static enum vmsc_finding ksm_early_flag(struct vmsc_evidence *evidence)
{
	size_t vmas;

	if (prctl(OP_SET_MEMORY_MERGE, 1, 0, 0, 0))
		return impossible(evidence, "PR_SET_MEMORY_MERGE");
	if (!scratch_map(0, 1, RW, ANON) || !scratch_map(1, 1, RW, ANON))
		return impossible(evidence, "mapping");
	vmas = scratch_vmas(0, 2);
	return say(evidence, yes_if(vmas == 1), "two adjacent mappings under PR_SET_MEMORY_MERGE: %zu VMAs",
		   vmas);
}

static enum vmsc_finding guard_install(struct vmsc_evidence *evidence)
{
	if (!scratch_map(0, 2, RW, ANON))
		return impossible(evidence, "mapping");
	if (!madvise(scratch_page(0), PAGE, ADVICE_GUARD_INSTALL))
		return say(evidence, VMSC_FOUND_YES, "MADV_GUARD_INSTALL works on anonymous memory");
	return say(evidence, VMSC_FOUND_NO, "MADV_GUARD_INSTALL on anonymous memory: %s", strerror(errno));
}

static enum vmsc_finding sticky_guard(struct vmsc_evidence *evidence)
{
	bool flagged;

	if (guard_install(evidence) != VMSC_FOUND_YES)
		return VMSC_FOUND_NO;
	flagged = scratch_flags(0) & VMSC_VM(MAYBE_GUARD);
	return say(evidence, yes_if(flagged), "after MADV_GUARD_INSTALL the VMA %s gu",
		   flagged ? "shows" : "doesn't show");
}

static enum vmsc_finding guard_install_file(struct vmsc_evidence *evidence)
{
	int fd = memfd_create("vmascope", MFD_CLOEXEC);

	if (fd < 0 || ftruncate(fd, (off_t)PAGE) || !scratch_map_fd(0, 1, RW, MAP_SHARED, fd))
		return impossible(evidence, "mapping a memfd");
	if (!madvise(scratch_page(0), PAGE, ADVICE_GUARD_INSTALL))
		return say(evidence, VMSC_FOUND_YES, "MADV_GUARD_INSTALL works on a shared file");
	return say(evidence, VMSC_FOUND_NO, "MADV_GUARD_INSTALL on a shared file: %s", strerror(errno));
}

static enum vmsc_finding process_madvise_self(struct vmsc_evidence *evidence)
{
	struct iovec range = {.iov_len = PAGE};
	int fd = (int)syscall(SYS_pidfd_open, getpid(), 0);

	if (fd < 0 || !scratch_map(0, 1, RW, ANON))
		return impossible(evidence, "pidfd_open of oneself");
	range.iov_base = scratch_page(0);
	if (syscall(SYS_process_madvise, fd, &range, 1, MADV_DONTFORK, 0) == (long)PAGE)
		return say(evidence, VMSC_FOUND_YES, "process_madvise on oneself takes MADV_DONTFORK");
	return say(evidence, errno == EINVAL ? VMSC_FOUND_NO : VMSC_FOUND_NOTHING,
		   "process_madvise on oneself with MADV_DONTFORK: %s", strerror(errno));
}

static enum vmsc_finding mseal_exists(struct vmsc_evidence *evidence)
{
	if (!scratch_map(0, 2, RW, ANON))
		return impossible(evidence, "mapping");
	if (!syscall(NR_MSEAL, scratch_page(1), PAGE, 0))
		return say(evidence, VMSC_FOUND_YES, "mseal works");
	return say(evidence, VMSC_FOUND_NO, "mseal: %s", strerror(errno));
}

static enum vmsc_finding mseal_in_loop(struct vmsc_evidence *evidence)
{
	bool changed;

	if (mseal_exists(evidence) != VMSC_FOUND_YES)
		return VMSC_FOUND_NO;
	if (scratch_protect(0, 2, PROT_READ) || errno != EPERM)
		return say(evidence, VMSC_FOUND_NOTHING,
			   "mprotect over a sealed page did not end with EPERM");
	changed = !(scratch_flags(0) & VMSC_VM(WRITE));
	return say(evidence, yes_if(changed), "mprotect that fails at a sealed page %s the page before it",
		   changed ? "has changed" : "leaves");
}

static enum vmsc_finding mseal_dev_zero(struct vmsc_evidence *evidence)
{
	int fd = open("/dev/zero", O_RDONLY | O_CLOEXEC);

	if (fd < 0 || !scratch_map_fd(0, 1, PROT_READ, MAP_PRIVATE, fd))
		return impossible(evidence, "mapping /dev/zero");
	if (syscall(NR_MSEAL, scratch_page(0), PAGE, 0))
		return impossible(evidence, "mseal");
	if (!madvise(scratch_page(0), PAGE, MADV_DONTNEED))
		return say(evidence, VMSC_FOUND_NO, "MADV_DONTNEED of a sealed mapping of /dev/zero works");
	return say(evidence, yes_if(errno == EPERM), "MADV_DONTNEED of a sealed mapping of /dev/zero: %s",
		   strerror(errno));
}

static enum vmsc_finding droppable(struct vmsc_evidence *evidence)
{
	if (scratch_map(0, 1, RW, TYPE_DROPPABLE | MAP_ANONYMOUS))
		return say(evidence, VMSC_FOUND_YES, "MAP_DROPPABLE works");
	return say(evidence, VMSC_FOUND_NO, "MAP_DROPPABLE: %s", strerror(errno));
}

static enum vmsc_finding map_stack_nohugepage(struct vmsc_evidence *evidence)
{
	bool flagged;

	if (!scratch_map(0, 1, RW, ANON | FLAG_STACK))
		return impossible(evidence, "mapping");
	flagged = scratch_flags(0) & VMSC_VM(NOHUGEPAGE);
	return say(evidence, yes_if(flagged), "a MAP_STACK mapping %s nh",
		   flagged ? "shows" : "doesn't show");
}

static enum vmsc_finding mdwe(struct vmsc_evidence *evidence)
{
	if (prctl(OP_GET_MDWE, 0, 0, 0, 0) >= 0)
		return say(evidence, VMSC_FOUND_YES, "PR_GET_MDWE works");
	return say(evidence, VMSC_FOUND_NO, "PR_GET_MDWE: %s", strerror(errno));
}

static enum vmsc_finding mdwe_no_inherit(struct vmsc_evidence *evidence)
{
	const unsigned long refuse_exec_gain = 1, no_inherit = 2;

	if (!prctl(OP_SET_MDWE, refuse_exec_gain | no_inherit, 0, 0, 0))
		return say(evidence, VMSC_FOUND_YES, "PR_MDWE_NO_INHERIT works");
	return say(evidence, VMSC_FOUND_NO, "PR_MDWE_NO_INHERIT: %s", strerror(errno));
}

static enum vmsc_finding remove_maywrite(struct vmsc_evidence *evidence)
{
	int fd = memfd_create("vmascope", MFD_CLOEXEC);

	if (fd < 0 || ftruncate(fd, (off_t)PAGE) || !scratch_map_fd(0, 1, PROT_READ, MAP_SHARED, fd))
		return impossible(evidence, "mapping a memfd");
	if (!madvise(scratch_page(0), PAGE, MADV_REMOVE))
		return say(evidence, VMSC_FOUND_YES,
			   "MADV_REMOVE works on a read-only mapping of a writable file");
	return say(evidence, yes_if(errno != EACCES),
		   "MADV_REMOVE on a read-only mapping of a writable file: %s", strerror(errno));
}

static enum vmsc_finding populate_stops(struct vmsc_evidence *evidence)
{
	const int populate_write = 23;
	unsigned char there = 0;

	if (!scratch_map(0, 3, RW, ANON) || munmap(scratch_page(1), PAGE))
		return impossible(evidence, "mapping a hole");
	if (!madvise(scratch_page(0), 3 * PAGE, populate_write) || errno != ENOMEM ||
	    mincore(scratch_page(2), PAGE, &there))
		return impossible(evidence, "populating over a hole");
	return say(evidence, yes_if(!(there & 1)),
		   "MADV_POPULATE_WRITE over a hole populates what is behind it: %s",
		   there & 1 ? "yes" : "no");
}

static enum vmsc_finding shadow_stack(struct vmsc_evidence *evidence)
{
	if (syscall(NR_MAP_SHADOW_STACK, 0, PAGE, 0) >= 0)
		return say(evidence, VMSC_FOUND_YES, "map_shadow_stack works");
	return say(evidence, yes_if(errno != ENOSYS), "map_shadow_stack: %s", strerror(errno));
}

/* Of four mappings of @size that the kernel places (@hint leads nowhere), how many are aligned to 2 MiB? What
 * lies between them is too large for the gaps that aligning leaves, so that chance aligns none after the
 * first. */
static int count_aligned(void *hint, size_t size)
{
	char *between, *place;
	int i, aligned = 0;

	for (i = 0; i < 4; i++) {
		between = mmap(NULL, PMD + PAGE, PROT_NONE, ANON, -1, 0);
		place = mmap(hint, size, PROT_NONE, ANON, -1, 0);
		if (between == MAP_FAILED || place == MAP_FAILED)
			return -1;
		aligned += !((size_t)place % PMD);
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
	int aligned = count_aligned(NULL, 2 * PMD);

	return say(evidence, yes_if(aligned == 4), "anonymous mappings of 4 MiB %s", are_aligned(aligned));
}

static enum vmsc_finding thp_align_multiple(struct vmsc_evidence *evidence)
{
	int aligned = count_aligned(NULL, 2 * PMD + PAGE);

	if (count_aligned(NULL, 2 * PMD) < 4)
		return say(evidence, VMSC_FOUND_NOTHING, "nothing is aligned to 2 MiB");
	return say(evidence, yes_if(aligned < 4), "mappings of 4 MiB + 4 KiB %s", are_aligned(aligned));
}

static enum vmsc_finding thp_align_no_hint(struct vmsc_evidence *evidence)
{
	int aligned;

	if (!scratch_map(0, 1, PROT_NONE, ANON))
		return impossible(evidence, "mapping");
	aligned = count_aligned(scratch_page(0), 2 * PMD);
	if (count_aligned(NULL, 2 * PMD) < 4)
		return say(evidence, VMSC_FOUND_NOTHING, "nothing is aligned to 2 MiB");
	return say(evidence, yes_if(aligned < 4), "mappings of 4 MiB whose hint is taken %s",
		   are_aligned(aligned));
}

static enum vmsc_finding memfd_seal_read_only(struct vmsc_evidence *evidence)
{
	int fd = memfd_create("vmascope", MFD_CLOEXEC | MFD_ALLOW_SEALING);

	if (fd < 0 || ftruncate(fd, (off_t)PAGE) || fcntl(fd, F_ADD_SEALS, F_SEAL_WRITE))
		return impossible(evidence, "sealing a memfd");
	if (scratch_map_fd(0, 1, PROT_READ, MAP_SHARED, fd))
		return say(evidence, VMSC_FOUND_YES,
			   "a write-sealed memfd can be mapped shared and read-only");
	return say(evidence, VMSC_FOUND_NO, "mapping a write-sealed memfd shared and read-only: %s",
		   strerror(errno));
}

static enum vmsc_finding thp_align_dev_zero(struct vmsc_evidence *evidence)
{
	int fd = open("/dev/zero", O_RDWR | O_CLOEXEC), aligned = 0, i;
	char *between, *place;

	for (i = 0; i < 4; i++) {
		between = mmap(NULL, PMD + PAGE, PROT_NONE, ANON, -1, 0);
		place = mmap(NULL, 2 * PMD, PROT_NONE, MAP_PRIVATE, fd, 0);
		if (between == MAP_FAILED || place == MAP_FAILED)
			return impossible(evidence, "mapping /dev/zero");
		aligned += !((size_t)place % PMD);
	}
	return say(evidence, yes_if(aligned == 4), "private mappings of /dev/zero of 4 MiB %s",
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
		if (mmap(NULL, PMD + PAGE, PROT_NONE, ANON, -1, 0) == MAP_FAILED ||
		    syscall(SYS_io_setup, events, &context))
			return impossible(evidence, "io_setup with 32766 events");
		aligned += !(context % PMD);
		syscall(SYS_io_destroy, context);
	}
	return say(evidence, yes_if(aligned == 4), "rings of io_setup of 2 MiB %s", are_aligned(aligned));
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
	size_t size = 2 * PMD, over;
	char *place, *found;

	if (count_aligned(NULL, size) < 4)
		return say(evidence, VMSC_FOUND_NOTHING, "nothing is aligned to 2 MiB");
	place = fd < 0 ? NULL : plain_place(fd, size + PMD);
	over = place ? ((size_t)place + size + PMD) % PMD : 0;
	if (!place ||
	    (over && mmap(place + size + PMD - over, over, PROT_NONE, ANON | MAP_FIXED, -1, 0) == MAP_FAILED))
		return impossible(evidence, "mapping a memfd");
	place = plain_place(fd, size + PMD);
	found = mmap(NULL, size, PROT_NONE, ANON, -1, 0);
	if (!place || (size_t)place % PMD || (found != place && found != place + PMD))
		return say(evidence, VMSC_FOUND_NOTHING, "no place could be prepared");
	return say(evidence, yes_if(found == place + PMD), "in a hole that ends at 2 MiB, 4 MiB lie %s",
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
		return impossible(evidence, "filling the address space");
	place = mmap(NULL, PAGE, PROT_NONE, ANON | FLAG_ABOVE4G, -1, 0);
	return say(evidence, yes_if(place == MAP_FAILED), "with no room above 4 GiB MAP_ABOVE4G %s",
		   place == MAP_FAILED ? "fails" : "goes below");
}

/* Four pages of a segment, of which the lower two are read-only; then page @page is made as its other
 * neighbour. */
static size_t vmas_of_segment(size_t page, int prot)
{
	int id = shmget(IPC_PRIVATE, 4 * PAGE, IPC_CREAT | 0600);
	void *at = id < 0 ? MAP_FAILED : shmat(id, scratch_page(0), 0);

	if (id >= 0)
		shmctl(id, IPC_RMID, NULL);
	if (at == MAP_FAILED || !scratch_protect(0, 2, PROT_READ) || !scratch_protect(page, 1, prot))
		return 0;
	return scratch_vmas(0, 4);
}

static enum vmsc_finding close_hook(struct vmsc_evidence *evidence, size_t vmas, const char *where)
{
	if (!vmas)
		return impossible(evidence, "attaching shared memory");
	return say(evidence, yes_if(vmas == 2),
		   "a part of an attached segment that becomes like the one %s it: %zu VMAs", where, vmas);
}

static enum vmsc_finding close_hook_prev(struct vmsc_evidence *evidence)
{
	return close_hook(evidence, vmas_of_segment(2, PROT_READ), "below");
}

static enum vmsc_finding close_hook_removal(struct vmsc_evidence *evidence)
{
	return close_hook(evidence, vmas_of_segment(1, RW), "above");
}

/* VMAs of two pages of secret memory, mapped one after the other; 0: there is none. Its mmap hook sets
 * VM_DONTDUMP, if not VM_LOCKED too. */
static size_t vmas_of_secret(void)
{
	int fd = (int)syscall(NR_MEMFD_SECRET, 0);

	if (fd < 0 || ftruncate(fd, 2 * (off_t)PAGE) || !scratch_map_fd(0, 1, PROT_READ, MAP_SHARED, fd) ||
	    mmap(scratch_page(1), PAGE, PROT_READ, MAP_SHARED | MAP_FIXED, fd, (off_t)PAGE) == MAP_FAILED)
		return 0;
	return scratch_vmas(0, 2);
}

/* Two VMAs: no merge was tried with the hook's flags. One: it was, later by older kernels, at once by newer
 * ones. */
static enum vmsc_finding secretmem_prepare(struct vmsc_evidence *evidence)
{
	size_t vmas = vmas_of_secret();
	bool is_new = vmas == 1 && ksm_early_flag(evidence) == VMSC_FOUND_YES;

	if (!vmas)
		return impossible(evidence, "mapping secret memory");
	return say(evidence, yes_if(is_new),
		   "two pages of secret memory, mapped one after the other: %zu VMAs", vmas);
}

static enum vmsc_finding secretmem_locked(struct vmsc_evidence *evidence)
{
	bool locked;

	if (!vmas_of_secret())
		return impossible(evidence, "mapping secret memory");
	locked = scratch_flags(0) & VMSC_VM(LOCKED);
	return say(evidence, yes_if(locked), "secret memory %s lo", locked ? "shows" : "doesn't show");
}

static enum vmsc_finding retry_of_secret(struct vmsc_evidence *evidence)
{
	size_t vmas = vmas_of_secret();

	if (!vmas || (vmas == 1 && ksm_early_flag(evidence) == VMSC_FOUND_YES))
		return say(evidence, VMSC_FOUND_NOTHING,
			   "seals are heeded before the merge, secret memory %s",
			   vmas ? "is prepared" : "can't be had");
	return say(evidence, yes_if(vmas == 1),
		   "two pages of secret memory, mapped one after the other: %zu VMAs", vmas);
}

/* The mmap hook of a sealed memfd takes VM_MAYWRITE away: is it then tried to merge once more? */
static enum vmsc_finding mmap_retry_merge(struct vmsc_evidence *evidence)
{
	int fd = memfd_create("vmascope", MFD_CLOEXEC | MFD_ALLOW_SEALING);
	size_t vmas;

	if (memfd_seal_read_only(evidence) != VMSC_FOUND_NO) {
		munmap(scratch_page(0), PAGE);
		return retry_of_secret(evidence);
	}
	if (fd < 0 || ftruncate(fd, 2 * (off_t)PAGE) || fcntl(fd, F_ADD_SEALS, F_SEAL_FUTURE_WRITE))
		return impossible(evidence, "sealing a memfd");
	munmap(scratch_page(0), PAGE);
	if (!scratch_map_fd(0, 1, PROT_READ, MAP_SHARED, fd) ||
	    mmap(scratch_page(1), PAGE, PROT_READ, MAP_SHARED | MAP_FIXED, fd, (off_t)PAGE) == MAP_FAILED)
		return impossible(evidence, "mapping a sealed memfd");
	vmas = scratch_vmas(0, 2);
	return say(evidence, yes_if(vmas == 1),
		   "two pages of a sealed memfd, mapped one after the other: %zu VMAs", vmas);
}

static enum vmsc_finding mmap_fail_keeps_old(struct vmsc_evidence *evidence)
{
	const size_t too_much = (size_t)1 << 44;
	size_t vmas;

	if (!scratch_map(0, 1, PROT_READ, ANON))
		return impossible(evidence, "mapping");
	if (mmap(scratch_page(0), too_much, RW, ANON | MAP_FIXED, -1, 0) != MAP_FAILED)
		return say(evidence, VMSC_FOUND_NOTHING, "16 TiB can be had");
	vmas = scratch_vmas(0, 1);
	return say(evidence, yes_if(vmas), "16 TiB over a page: %s, and the page %s", strerror(errno),
		   vmas ? "stays" : "is gone");
}

static enum vmsc_finding mlock_skips_droppable(struct vmsc_evidence *evidence)
{
	bool locked;

	if (!scratch_map(0, 1, RW, TYPE_DROPPABLE | MAP_ANONYMOUS) || mlock(scratch_page(0), PAGE))
		return impossible(evidence, "locking droppable memory");
	locked = scratch_flags(0) & VMSC_VM(LOCKED);
	return say(evidence, yes_if(!locked), "mlock of droppable memory %s lo",
		   locked ? "sets" : "doesn't set");
}

/* The value of @key ("VmLck:") in /proc/self/status, in KiB; -1: not told. */
static long status_kib(const char *key)
{
	static char text[1 << 13];
	int fd = open("/proc/self/status", O_RDONLY | O_CLOEXEC);
	ssize_t n = read(fd, text, sizeof(text) - 1);
	const char *at;
	long kib = -1;

	close(fd);
	text[n > 0 ? n : 0] = '\0';
	at = strstr(text, key);
	if (at && sscanf(at + strlen(key), "%ld", &kib) != 1)
		kib = -1;
	return kib;
}

static enum vmsc_finding dontunmap_locked_drift(struct vmsc_evidence *evidence)
{
	long before = status_kib("VmLck:"), between, after;

	if (!scratch_map(0, 1, RW, ANON) || mlock(scratch_page(0), PAGE) ||
	    mremap(scratch_page(0), PAGE, PAGE, MREMAP_MAYMOVE | MREMAP_FIXED | MREMAP_FLAG_DONTUNMAP,
		   scratch_page(16)) == MAP_FAILED)
		return impossible(evidence, "mremap of a locked page with MREMAP_DONTUNMAP");
	between = status_kib("VmLck:");
	munmap(scratch_page(0), 32 * PAGE);
	after = status_kib("VmLck:");
	if (before < 0 || between - after != 4 || (after != before && after != before + 4))
		return say(evidence, VMSC_FOUND_NOTHING, "VmLck is not what two pages can make it");
	return say(evidence, yes_if(after > before),
		   "after MREMAP_DONTUNMAP of a locked page and munmap VmLck is %s",
		   after > before ? "too much" : "right");
}

/* Eight PTE tables with one page each. The first look makes the tables that looking needs. */
static enum vmsc_finding pt_reclaim(struct vmsc_evidence *evidence)
{
	const size_t tables = 8, kib_each = PAGE / 1024;
	char *place = mmap(NULL, (tables + 1) * PMD, RW, ANON_NORESERVE, -1, 0);
	long before = status_kib("VmPTE:"), made, freed;

	if (place == MAP_FAILED || before < 0)
		return impossible(evidence, "mapping 18 MiB");
	place += PMD - (size_t)place % PMD;
	(void)madvise(place, tables * PMD, MADV_NOHUGEPAGE); /* EINVAL: there are no huge pages */
	before = status_kib("VmPTE:");
	for (size_t i = 0; i < tables; i++)
		place[i * PMD] = 1;
	made = status_kib("VmPTE:") - before;
	if (made < (long)(tables * kib_each) || madvise(place, tables * PMD, MADV_DONTNEED))
		return say(evidence, VMSC_FOUND_NOTHING, "VmPTE does not count eight tables");
	freed = before + made - status_kib("VmPTE:");
	if (freed && freed != (long)(tables * kib_each))
		return say(evidence, VMSC_FOUND_NOTHING, "VmPTE is not what eight tables can make it");
	return say(evidence, yes_if(freed), "MADV_DONTNEED of all that eight PTE tables map frees %s",
		   freed ? "them" : "none of them");
}

/* Nothing is reserved and nothing touched: it takes no page of the pool. */
static enum vmsc_finding hugetlb_hint_up(struct vmsc_evidence *evidence)
{
	char *hint = mmap(NULL, 4 * PMD, PROT_NONE, ANON_NORESERVE, -1, 0), *place;

	if (hint == MAP_FAILED)
		return impossible(evidence, "mapping 8 MiB");
	munmap(hint, 4 * PMD);
	hint += 2 * PMD - (size_t)hint % PMD + PAGE;
	place = mmap(hint, PMD, RW, ANON_NORESERVE | MAP_HUGETLB, -1, 0);
	if (place == MAP_FAILED)
		return impossible(evidence, "mapping a huge page");
	if (place != hint - PAGE && place != hint - PAGE + PMD)
		return say(evidence, VMSC_FOUND_NOTHING, "the hint for a huge page was not taken");
	return say(evidence, yes_if(place > hint), "a hint inside of a huge page is rounded %s",
		   place > hint ? "up" : "down");
}

static enum vmsc_finding mremap_multi(struct vmsc_evidence *evidence)
{
	if (!scratch_map(0, 1, PROT_READ, ANON) || !scratch_map(1, 1, RW, ANON))
		return impossible(evidence, "mapping r|rw");
	if (mremap(scratch_page(0), 2 * PAGE, 2 * PAGE, MREMAP_MAYMOVE | MREMAP_FIXED, scratch_page(16)) !=
	    MAP_FAILED)
		return say(evidence, VMSC_FOUND_YES, "mremap moves two VMAs at once");
	return say(evidence, yes_if(errno != EFAULT), "mremap of two VMAs at once: %s", strerror(errno));
}

static enum vmsc_finding dontunmap_clears_account(struct vmsc_evidence *evidence)
{
	bool accounted;

	if (!scratch_map(0, 1, RW, ANON))
		return impossible(evidence, "mapping");
	scratch_touch(0);
	if (mremap(scratch_page(0), PAGE, PAGE, MREMAP_MAYMOVE | MREMAP_FIXED | MREMAP_FLAG_DONTUNMAP,
		   scratch_page(16)) == MAP_FAILED)
		return impossible(evidence, "mremap with MREMAP_DONTUNMAP");
	accounted = scratch_flags(0) & VMSC_VM(ACCOUNT);
	return say(evidence, yes_if(!accounted), "the source of MREMAP_DONTUNMAP %s ac",
		   accounted ? "keeps" : "loses");
}

static enum vmsc_finding dontunmap_own_pgoff(struct vmsc_evidence *evidence)
{
	size_t vmas;

	if (!scratch_map(0, 1, RW, ANON_NORESERVE))
		return impossible(evidence, "mapping");
	scratch_touch(0);
	if (mremap(scratch_page(0), PAGE, PAGE, MREMAP_MAYMOVE | MREMAP_FIXED, scratch_page(16)) ==
		    MAP_FAILED ||
	    mremap(scratch_page(16), PAGE, PAGE, MREMAP_MAYMOVE | MREMAP_FIXED | MREMAP_FLAG_DONTUNMAP,
		   scratch_page(32)) == MAP_FAILED ||
	    !scratch_map(17, 1, RW, ANON_NORESERVE))
		return impossible(evidence, "moving a page twice");
	vmas = scratch_vmas(16, 2);
	return say(evidence, yes_if(vmas == 1),
		   "a mapping beside what MREMAP_DONTUNMAP left of a moved page: %zu VMAs", vmas);
}

/* In a forked child: the source goes away and comes back to its old place beside an untouched neighbour. */
static size_t vmas_after_forked_move(void)
{
	if (mremap(scratch_page(0), PAGE, PAGE, MREMAP_MAYMOVE | MREMAP_FIXED, scratch_page(16)) ==
		    MAP_FAILED ||
	    !scratch_map(1, 1, RW, ANON_NORESERVE) ||
	    mremap(scratch_page(16), PAGE, PAGE, MREMAP_MAYMOVE | MREMAP_FIXED, scratch_page(0)) ==
		    MAP_FAILED)
		return 0;
	return scratch_vmas(0, 2);
}

static enum vmsc_finding copy_fork_check(struct vmsc_evidence *evidence)
{
	int status;
	pid_t pid;

	if (!scratch_map(0, 1, RW, ANON_NORESERVE))
		return impossible(evidence, "mapping");
	scratch_touch(0);
	pid = fork();
	if (!pid)
		_exit((int)vmas_after_forked_move());
	if (pid < 0 || waitpid(pid, &status, 0) != pid || !WIFEXITED(status) || !WEXITSTATUS(status))
		return impossible(evidence, "moving a page in a child");
	return say(evidence, yes_if(WEXITSTATUS(status) == 2),
		   "an inherited page moved beside an untouched one: %d VMAs", WEXITSTATUS(status));
}

static enum vmsc_finding heap_label_strict(struct vmsc_evidence *evidence)
{
	uint64_t brk = (uint64_t)syscall(SYS_brk, 0), end = (brk + PAGE - 1) / PAGE * PAGE + PAGE;
	struct scratch_view view;
	void *wanted;

	if ((uint64_t)syscall(SYS_brk, end) != end)
		return impossible(evidence, "brk");
	memcpy(&wanted, &end, sizeof(wanted));
	if (mmap(wanted, PAGE, PROT_NONE, ANON | MAP_FIXED_NOREPLACE, -1, 0) != wanted)
		return impossible(evidence, "mapping at the end of the heap");
	scratch_look_at(end, end + PAGE, &view);
	return say(evidence, yes_if(!view.is_heap), "a mapping that touches the end of the heap is %s[heap]",
		   view.is_heap ? "called " : "not called ");
}

static enum vmsc_finding anon_vma_name(struct vmsc_evidence *evidence)
{
	if (!scratch_map(0, 1, RW, ANON))
		return impossible(evidence, "mapping");
	if (!prctl(OP_SET_VMA, 0, scratch_page(0), PAGE, "vmascope"))
		return say(evidence, VMSC_FOUND_YES, "PR_SET_VMA_ANON_NAME works");
	return say(evidence, VMSC_FOUND_NO, "PR_SET_VMA_ANON_NAME: %s", strerror(errno));
}

static enum vmsc_finding anon_name_shmem(struct vmsc_evidence *evidence)
{
	if (anon_vma_name(evidence) != VMSC_FOUND_YES)
		return VMSC_FOUND_NOTHING;
	if (!scratch_map(0, 1, RW, MAP_SHARED | MAP_ANONYMOUS))
		return impossible(evidence, "mapping");
	if (!prctl(OP_SET_VMA, 0, scratch_page(0), PAGE, "vmascope"))
		return say(evidence, VMSC_FOUND_YES, "PR_SET_VMA_ANON_NAME works on shared memory");
	return say(evidence, VMSC_FOUND_NO, "PR_SET_VMA_ANON_NAME on shared memory: %s", strerror(errno));
}

static enum vmsc_finding soft_dirty(struct vmsc_evidence *evidence)
{
	bool flagged;

	if (!scratch_map(0, 1, RW, ANON))
		return impossible(evidence, "mapping");
	flagged = scratch_flags(0) & VMSC_VM(SOFTDIRTY);
	return say(evidence, yes_if(flagged), "a new mapping %s sd", flagged ? "shows" : "doesn't show");
}

static enum vmsc_finding pkeys(struct vmsc_evidence *evidence)
{
	if (syscall(SYS_pkey_alloc, 0, 0) >= 0)
		return say(evidence, VMSC_FOUND_YES, "pkey_alloc works");
	return say(evidence, VMSC_FOUND_NO, "pkey_alloc: %s", strerror(errno));
}

/* Returns: a userfaultfd for faults of the process's own, or -1. */
static int open_userfaultfd(void)
{
	struct uffdio_api api = {.api = UFFD_API};
	int fd = (int)syscall(SYS_userfaultfd, O_CLOEXEC | 1 /* UFFD_USER_MODE_ONLY */);

	return fd >= 0 && !ioctl(fd, UFFDIO_API, &api) ? fd : -1;
}

static bool watch(int fd, size_t first, size_t nr)
{
	struct uffdio_register range = {.range = {SCRATCH_BASE + first * PAGE, nr * PAGE},
					.mode = UFFDIO_REGISTER_MODE_MISSING};

	return !ioctl(fd, UFFDIO_REGISTER, &range);
}

static enum vmsc_finding uffd_range_pgoff(struct vmsc_evidence *evidence)
{
	int fd = open_userfaultfd();
	size_t vmas;

	if (fd < 0)
		return impossible(evidence, "userfaultfd");
	if (!scratch_map(0, 3, RW, ANON) || !watch(fd, 2, 1) || !watch(fd, 1, 1))
		return impossible(evidence, "registering pages");
	vmas = scratch_vmas(0, 3);
	return say(evidence, yes_if(vmas == 2),
		   "of three pages the last and then the middle one registered: %zu VMAs", vmas);
}

/* clang-format off */
static enum vmsc_finding (*const experiments[VMSC_NR_RULES])(struct vmsc_evidence *) = {
	[VMSC_RULE_MPROTECT_UNACCOUNT] = mprotect_unaccount,
	[VMSC_RULE_NEW_MERGE_PREV_FIRST] = new_merge_prev_first,
	[VMSC_RULE_AV_MERGE_FIX] = av_merge_fix,
	[VMSC_RULE_COPY_FORK_CHECK] = copy_fork_check,
	[VMSC_RULE_MERGE_ANY] = merge_any,
	[VMSC_RULE_KSM_EARLY_FLAG] = ksm_early_flag,
	[VMSC_RULE_STICKY_GUARD] = sticky_guard,
	[VMSC_RULE_GUARD_INSTALL] = guard_install,
	[VMSC_RULE_GUARD_INSTALL_FILE] = guard_install_file,
	[VMSC_RULE_MSEAL] = mseal_exists,
	[VMSC_RULE_MSEAL_IN_LOOP] = mseal_in_loop,
	[VMSC_RULE_MSEAL_DEV_ZERO] = mseal_dev_zero,
	[VMSC_RULE_DROPPABLE] = droppable,
	[VMSC_RULE_MAP_STACK_NOHUGEPAGE] = map_stack_nohugepage,
	[VMSC_RULE_UFFD_RANGE_PGOFF] = uffd_range_pgoff,
	[VMSC_RULE_MDWE] = mdwe,
	[VMSC_RULE_MDWE_NO_INHERIT] = mdwe_no_inherit,
	[VMSC_RULE_REMOVE_MAYWRITE] = remove_maywrite,
	[VMSC_RULE_POPULATE_STOPS] = populate_stops,
	[VMSC_RULE_SHADOW_STACK] = shadow_stack,
	[VMSC_RULE_THP_ALIGN_ANON] = thp_align_anon,
	[VMSC_RULE_THP_ALIGN_MULTIPLE] = thp_align_multiple,
	[VMSC_RULE_THP_ALIGN_NO_HINT] = thp_align_no_hint,
	[VMSC_RULE_THP_ALIGN_FILE_NO_OP] = thp_align_file_no_op,
	[VMSC_RULE_THP_ALIGN_DEV_ZERO] = thp_align_dev_zero,
	[VMSC_RULE_THP_TOPDOWN_SUB0] = thp_topdown_sub0,
	[VMSC_RULE_MAP_ABOVE4G] = map_above4g,
	[VMSC_RULE_CLOSE_HOOK_PREV] = close_hook_prev,
	[VMSC_RULE_CLOSE_HOOK_REMOVAL] = close_hook_removal,
	[VMSC_RULE_MMAP_RETRY_MERGE] = mmap_retry_merge,
	[VMSC_RULE_MMAP_FAIL_KEEPS_OLD] = mmap_fail_keeps_old,
	[VMSC_RULE_MLOCK_SKIPS_DROPPABLE] = mlock_skips_droppable,
	[VMSC_RULE_DONTUNMAP_LOCKED_DRIFT] = dontunmap_locked_drift,
	[VMSC_RULE_PT_RECLAIM] = pt_reclaim,
	[VMSC_RULE_PROCESS_MADVISE_SELF] = process_madvise_self,
	[VMSC_RULE_HUGETLB_HINT_UP] = hugetlb_hint_up,
	[VMSC_RULE_SECRETMEM_PREPARE] = secretmem_prepare,
	[VMSC_RULE_SECRETMEM_LOCKED] = secretmem_locked,
	[VMSC_RULE_MREMAP_MULTI] = mremap_multi,
	[VMSC_RULE_DONTUNMAP_CLEARS_ACCOUNT] = dontunmap_clears_account,
	[VMSC_RULE_DONTUNMAP_OWN_PGOFF] = dontunmap_own_pgoff,
	[VMSC_RULE_HEAP_LABEL_STRICT] = heap_label_strict,
	[VMSC_RULE_ANON_NAME_SHMEM] = anon_name_shmem,
	[VMSC_RULE_MEMFD_SEAL_READ_ONLY] = memfd_seal_read_only,
	[VMSC_RULE_SOFT_DIRTY] = soft_dirty,
	[VMSC_RULE_ANON_VMA_NAME] = anon_vma_name,
	[VMSC_RULE_PKEYS] = pkeys,
};
/* clang-format on */

bool vmsc_experiment_exists(enum vmsc_rule rule)
{
	return experiments[rule];
}

void vmsc_experiment_run(enum vmsc_rule rule, struct vmsc_evidence *evidence)
{
	evidence->finding = experiments[rule](evidence);
}
