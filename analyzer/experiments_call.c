/* SPDX-License-Identifier: MIT */
/*
 * experiments_call.c - which calls and arguments there are, and what they leave behind.
 */
#include "experiments.h"

#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/prctl.h>
#include <sys/syscall.h>
#include <sys/uio.h>
#include <unistd.h>

#include "scratch.h"

/* Numbers of the kernel's that older headers lack. */
#define NR_MAP_SHADOW_STACK   453
#define NR_MSEAL	      462
#define OP_SET_VMA	      0x53564d41
#define OP_SET_MDWE	      65
#define OP_GET_MDWE	      66
#define ADVICE_GUARD_INSTALL  102
#define TYPE_DROPPABLE	      8
#define MREMAP_FLAG_DONTUNMAP 4
#define FLAG_STACK	      0x20000

static enum vmsc_finding mprotect_unaccount(struct vmsc_evidence *evidence)
{
	bool accounted;

	if (!scratch_map(0, 1, RW, ANON) || !(scratch_flags(0) & VMSC_VM(ACCOUNT)) ||
	    !scratch_protect(0, 1, PROT_NONE))
		return vmsc_evidence_fail(evidence, "mapping an accounted page");
	accounted = scratch_flags(0) & VMSC_VM(ACCOUNT);
	return vmsc_evidence_say(evidence, yes_if(!accounted), "an untouched rw page made PROT_NONE %s ac",
				 accounted ? "keeps" : "loses");
}

static enum vmsc_finding guard_install(struct vmsc_evidence *evidence)
{
	if (!scratch_map(0, 2, RW, ANON))
		return vmsc_evidence_fail(evidence, "mapping");
	if (!madvise(scratch_page(0), PAGE, ADVICE_GUARD_INSTALL))
		return vmsc_evidence_say(evidence, VMSC_FOUND_YES,
					 "MADV_GUARD_INSTALL works on anonymous memory");
	return vmsc_evidence_say(evidence, VMSC_FOUND_NO, "MADV_GUARD_INSTALL on anonymous memory: %s",
				 strerror(errno));
}

static enum vmsc_finding sticky_guard(struct vmsc_evidence *evidence)
{
	bool flagged;

	if (guard_install(evidence) != VMSC_FOUND_YES)
		return VMSC_FOUND_NO;
	flagged = scratch_flags(0) & VMSC_VM(MAYBE_GUARD);
	return vmsc_evidence_say(evidence, yes_if(flagged), "after MADV_GUARD_INSTALL the VMA %s gu",
				 flagged ? "shows" : "doesn't show");
}

static enum vmsc_finding guard_install_file(struct vmsc_evidence *evidence)
{
	int fd = memfd_create("vmascope", MFD_CLOEXEC);

	if (fd < 0 || ftruncate(fd, (off_t)PAGE) || !scratch_map_fd(0, 1, RW, MAP_SHARED, fd))
		return vmsc_evidence_fail(evidence, "mapping a memfd");
	if (!madvise(scratch_page(0), PAGE, ADVICE_GUARD_INSTALL))
		return vmsc_evidence_say(evidence, VMSC_FOUND_YES,
					 "MADV_GUARD_INSTALL works on a shared file");
	return vmsc_evidence_say(evidence, VMSC_FOUND_NO, "MADV_GUARD_INSTALL on a shared file: %s",
				 strerror(errno));
}

static enum vmsc_finding process_madvise_self(struct vmsc_evidence *evidence)
{
	struct iovec range = {.iov_len = PAGE};
	int fd = (int)syscall(SYS_pidfd_open, getpid(), 0);

	if (fd < 0 || !scratch_map(0, 1, RW, ANON))
		return vmsc_evidence_fail(evidence, "pidfd_open of oneself");
	range.iov_base = scratch_page(0);
	if (syscall(SYS_process_madvise, fd, &range, 1, MADV_DONTFORK, 0) == (long)PAGE)
		return vmsc_evidence_say(evidence, VMSC_FOUND_YES,
					 "process_madvise on oneself takes MADV_DONTFORK");
	return vmsc_evidence_say(evidence, errno == EINVAL ? VMSC_FOUND_NO : VMSC_FOUND_NOTHING,
				 "process_madvise on oneself with MADV_DONTFORK: %s", strerror(errno));
}

static enum vmsc_finding mseal_exists(struct vmsc_evidence *evidence)
{
	if (!scratch_map(0, 2, RW, ANON))
		return vmsc_evidence_fail(evidence, "mapping");
	if (!syscall(NR_MSEAL, scratch_page(1), PAGE, 0))
		return vmsc_evidence_say(evidence, VMSC_FOUND_YES, "mseal works");
	return vmsc_evidence_say(evidence, VMSC_FOUND_NO, "mseal: %s", strerror(errno));
}

static enum vmsc_finding mseal_in_loop(struct vmsc_evidence *evidence)
{
	bool changed;

	if (mseal_exists(evidence) != VMSC_FOUND_YES)
		return VMSC_FOUND_NO;
	if (scratch_protect(0, 2, PROT_READ) || errno != EPERM)
		return vmsc_evidence_say(evidence, VMSC_FOUND_NOTHING,
					 "mprotect over a sealed page did not end with EPERM");
	changed = !(scratch_flags(0) & VMSC_VM(WRITE));
	return vmsc_evidence_say(evidence, yes_if(changed),
				 "mprotect that fails at a sealed page %s the page before it",
				 changed ? "has changed" : "leaves");
}

static enum vmsc_finding mseal_dev_zero(struct vmsc_evidence *evidence)
{
	int fd = open("/dev/zero", O_RDONLY | O_CLOEXEC);

	if (fd < 0 || !scratch_map_fd(0, 1, PROT_READ, MAP_PRIVATE, fd))
		return vmsc_evidence_fail(evidence, "mapping /dev/zero");
	if (syscall(NR_MSEAL, scratch_page(0), PAGE, 0))
		return vmsc_evidence_fail(evidence, "mseal");
	if (!madvise(scratch_page(0), PAGE, MADV_DONTNEED))
		return vmsc_evidence_say(evidence, VMSC_FOUND_NO,
					 "MADV_DONTNEED of a sealed mapping of /dev/zero works");
	return vmsc_evidence_say(evidence, yes_if(errno == EPERM),
				 "MADV_DONTNEED of a sealed mapping of /dev/zero: %s", strerror(errno));
}

static enum vmsc_finding droppable(struct vmsc_evidence *evidence)
{
	if (scratch_map(0, 1, RW, TYPE_DROPPABLE | MAP_ANONYMOUS))
		return vmsc_evidence_say(evidence, VMSC_FOUND_YES, "MAP_DROPPABLE works");
	return vmsc_evidence_say(evidence, VMSC_FOUND_NO, "MAP_DROPPABLE: %s", strerror(errno));
}

static enum vmsc_finding map_stack_nohugepage(struct vmsc_evidence *evidence)
{
	bool flagged;

	if (!scratch_map(0, 1, RW, ANON | FLAG_STACK))
		return vmsc_evidence_fail(evidence, "mapping");
	flagged = scratch_flags(0) & VMSC_VM(NOHUGEPAGE);
	return vmsc_evidence_say(evidence, yes_if(flagged), "a MAP_STACK mapping %s nh",
				 flagged ? "shows" : "doesn't show");
}

static enum vmsc_finding mdwe(struct vmsc_evidence *evidence)
{
	if (prctl(OP_GET_MDWE, 0, 0, 0, 0) >= 0)
		return vmsc_evidence_say(evidence, VMSC_FOUND_YES, "PR_GET_MDWE works");
	return vmsc_evidence_say(evidence, VMSC_FOUND_NO, "PR_GET_MDWE: %s", strerror(errno));
}

static enum vmsc_finding mdwe_no_inherit(struct vmsc_evidence *evidence)
{
	const unsigned long refuse_exec_gain = 1, no_inherit = 2;

	if (!prctl(OP_SET_MDWE, refuse_exec_gain | no_inherit, 0, 0, 0))
		return vmsc_evidence_say(evidence, VMSC_FOUND_YES, "PR_MDWE_NO_INHERIT works");
	return vmsc_evidence_say(evidence, VMSC_FOUND_NO, "PR_MDWE_NO_INHERIT: %s", strerror(errno));
}

static enum vmsc_finding remove_maywrite(struct vmsc_evidence *evidence)
{
	int fd = memfd_create("vmascope", MFD_CLOEXEC);

	if (fd < 0 || ftruncate(fd, (off_t)PAGE) || !scratch_map_fd(0, 1, PROT_READ, MAP_SHARED, fd))
		return vmsc_evidence_fail(evidence, "mapping a memfd");
	if (!madvise(scratch_page(0), PAGE, MADV_REMOVE))
		return vmsc_evidence_say(evidence, VMSC_FOUND_YES,
					 "MADV_REMOVE works on a read-only mapping of a writable file");
	return vmsc_evidence_say(evidence, yes_if(errno != EACCES),
				 "MADV_REMOVE on a read-only mapping of a writable file: %s",
				 strerror(errno));
}

static enum vmsc_finding populate_stops(struct vmsc_evidence *evidence)
{
	const int populate_write = 23;
	unsigned char there = 0;

	if (!scratch_map(0, 3, RW, ANON) || munmap(scratch_page(1), PAGE))
		return vmsc_evidence_fail(evidence, "mapping a hole");
	if (!madvise(scratch_page(0), 3 * PAGE, populate_write) || errno != ENOMEM ||
	    mincore(scratch_page(2), PAGE, &there))
		return vmsc_evidence_fail(evidence, "populating over a hole");
	return vmsc_evidence_say(evidence, yes_if(!(there & 1)),
				 "MADV_POPULATE_WRITE over a hole populates what is behind it: %s",
				 there & 1 ? "yes" : "no");
}

static enum vmsc_finding shadow_stack(struct vmsc_evidence *evidence)
{
	if (syscall(NR_MAP_SHADOW_STACK, 0, PAGE, 0) >= 0)
		return vmsc_evidence_say(evidence, VMSC_FOUND_YES, "map_shadow_stack works");
	return vmsc_evidence_say(evidence, yes_if(errno != ENOSYS), "map_shadow_stack: %s", strerror(errno));
}

static enum vmsc_finding mmap_fail_keeps_old(struct vmsc_evidence *evidence)
{
	const size_t too_much = (size_t)1 << 44;
	size_t vmas;

	if (!scratch_map(0, 1, PROT_READ, ANON))
		return vmsc_evidence_fail(evidence, "mapping");
	if (mmap(scratch_page(0), too_much, RW, ANON | MAP_FIXED, -1, 0) != MAP_FAILED)
		return vmsc_evidence_say(evidence, VMSC_FOUND_NOTHING, "16 TiB can be had");
	vmas = scratch_vmas(0, 1);
	return vmsc_evidence_say(evidence, yes_if(vmas), "16 TiB over a page: %s, and the page %s",
				 strerror(errno), vmas ? "stays" : "is gone");
}

static enum vmsc_finding mlock_skips_droppable(struct vmsc_evidence *evidence)
{
	bool locked;

	if (!scratch_map(0, 1, RW, TYPE_DROPPABLE | MAP_ANONYMOUS) || mlock(scratch_page(0), PAGE))
		return vmsc_evidence_fail(evidence, "locking droppable memory");
	locked = scratch_flags(0) & VMSC_VM(LOCKED);
	return vmsc_evidence_say(evidence, yes_if(!locked), "mlock of droppable memory %s lo",
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
		return vmsc_evidence_fail(evidence, "mremap of a locked page with MREMAP_DONTUNMAP");
	between = status_kib("VmLck:");
	munmap(scratch_page(0), 32 * PAGE);
	after = status_kib("VmLck:");
	if (before < 0 || between - after != 4 || (after != before && after != before + 4))
		return vmsc_evidence_say(evidence, VMSC_FOUND_NOTHING,
					 "VmLck is not what two pages can make it");
	return vmsc_evidence_say(evidence, yes_if(after > before),
				 "after MREMAP_DONTUNMAP of a locked page and munmap VmLck is %s",
				 after > before ? "too much" : "right");
}

/* Eight PTE tables with one page each. The first look makes the tables that looking needs. */
static enum vmsc_finding pt_reclaim(struct vmsc_evidence *evidence)
{
	const size_t tables = 8, kib_each = PAGE / 1024;
	char *place = mmap(NULL, (tables + 1) * PMD_SIZE, RW, ANON_NORESERVE, -1, 0);
	long before = status_kib("VmPTE:"), made, freed;

	if (place == MAP_FAILED || before < 0)
		return vmsc_evidence_fail(evidence, "mapping 18 MiB");
	place += PMD_SIZE - (size_t)place % PMD_SIZE;
	(void)madvise(place, tables * PMD_SIZE, MADV_NOHUGEPAGE); /* EINVAL: there are no huge pages */
	before = status_kib("VmPTE:");
	for (size_t i = 0; i < tables; i++)
		place[i * PMD_SIZE] = 1;
	made = status_kib("VmPTE:") - before;
	if (made < (long)(tables * kib_each) || madvise(place, tables * PMD_SIZE, MADV_DONTNEED))
		return vmsc_evidence_say(evidence, VMSC_FOUND_NOTHING, "VmPTE does not count eight tables");
	freed = before + made - status_kib("VmPTE:");
	if (freed && freed != (long)(tables * kib_each))
		return vmsc_evidence_say(evidence, VMSC_FOUND_NOTHING,
					 "VmPTE is not what eight tables can make it");
	return vmsc_evidence_say(evidence, yes_if(freed),
				 "MADV_DONTNEED of all that eight PTE tables map frees %s",
				 freed ? "them" : "none of them");
}

static enum vmsc_finding mremap_multi(struct vmsc_evidence *evidence)
{
	if (!scratch_map(0, 1, PROT_READ, ANON) || !scratch_map(1, 1, RW, ANON))
		return vmsc_evidence_fail(evidence, "mapping r|rw");
	if (mremap(scratch_page(0), 2 * PAGE, 2 * PAGE, MREMAP_MAYMOVE | MREMAP_FIXED, scratch_page(16)) !=
	    MAP_FAILED)
		return vmsc_evidence_say(evidence, VMSC_FOUND_YES, "mremap moves two VMAs at once");
	return vmsc_evidence_say(evidence, yes_if(errno != EFAULT), "mremap of two VMAs at once: %s",
				 strerror(errno));
}

static enum vmsc_finding dontunmap_clears_account(struct vmsc_evidence *evidence)
{
	bool accounted;

	if (!scratch_map(0, 1, RW, ANON))
		return vmsc_evidence_fail(evidence, "mapping");
	scratch_touch(0);
	if (mremap(scratch_page(0), PAGE, PAGE, MREMAP_MAYMOVE | MREMAP_FIXED | MREMAP_FLAG_DONTUNMAP,
		   scratch_page(16)) == MAP_FAILED)
		return vmsc_evidence_fail(evidence, "mremap with MREMAP_DONTUNMAP");
	accounted = scratch_flags(0) & VMSC_VM(ACCOUNT);
	return vmsc_evidence_say(evidence, yes_if(!accounted), "the source of MREMAP_DONTUNMAP %s ac",
				 accounted ? "keeps" : "loses");
}

static enum vmsc_finding heap_label_strict(struct vmsc_evidence *evidence)
{
	uint64_t brk = (uint64_t)syscall(SYS_brk, 0), end = (brk + PAGE - 1) / PAGE * PAGE + PAGE;
	struct scratch_view view;
	void *wanted;

	if ((uint64_t)syscall(SYS_brk, end) != end)
		return vmsc_evidence_fail(evidence, "brk");
	memcpy(&wanted, &end, sizeof(wanted));
	if (mmap(wanted, PAGE, PROT_NONE, ANON | MAP_FIXED_NOREPLACE, -1, 0) != wanted)
		return vmsc_evidence_fail(evidence, "mapping at the end of the heap");
	scratch_look_at(end, end + PAGE, &view);
	return vmsc_evidence_say(evidence, yes_if(!view.is_heap),
				 "a mapping that touches the end of the heap is %s[heap]",
				 view.is_heap ? "called " : "not called ");
}

static enum vmsc_finding anon_vma_name(struct vmsc_evidence *evidence)
{
	if (!scratch_map(0, 1, RW, ANON))
		return vmsc_evidence_fail(evidence, "mapping");
	if (!prctl(OP_SET_VMA, 0, scratch_page(0), PAGE, "vmascope"))
		return vmsc_evidence_say(evidence, VMSC_FOUND_YES, "PR_SET_VMA_ANON_NAME works");
	return vmsc_evidence_say(evidence, VMSC_FOUND_NO, "PR_SET_VMA_ANON_NAME: %s", strerror(errno));
}

static enum vmsc_finding anon_name_shmem(struct vmsc_evidence *evidence)
{
	if (anon_vma_name(evidence) != VMSC_FOUND_YES)
		return VMSC_FOUND_NOTHING;
	if (!scratch_map(0, 1, RW, MAP_SHARED | MAP_ANONYMOUS))
		return vmsc_evidence_fail(evidence, "mapping");
	if (!prctl(OP_SET_VMA, 0, scratch_page(0), PAGE, "vmascope"))
		return vmsc_evidence_say(evidence, VMSC_FOUND_YES,
					 "PR_SET_VMA_ANON_NAME works on shared memory");
	return vmsc_evidence_say(evidence, VMSC_FOUND_NO, "PR_SET_VMA_ANON_NAME on shared memory: %s",
				 strerror(errno));
}

static enum vmsc_finding soft_dirty(struct vmsc_evidence *evidence)
{
	bool flagged;

	if (!scratch_map(0, 1, RW, ANON))
		return vmsc_evidence_fail(evidence, "mapping");
	flagged = scratch_flags(0) & VMSC_VM(SOFTDIRTY);
	return vmsc_evidence_say(evidence, yes_if(flagged), "a new mapping %s sd",
				 flagged ? "shows" : "doesn't show");
}

static enum vmsc_finding pkeys(struct vmsc_evidence *evidence)
{
	if (syscall(SYS_pkey_alloc, 0, 0) >= 0)
		return vmsc_evidence_say(evidence, VMSC_FOUND_YES, "pkey_alloc works");
	return vmsc_evidence_say(evidence, VMSC_FOUND_NO, "pkey_alloc: %s", strerror(errno));
}

/* clang-format off */
const struct vmsc_experiments vmsc_call_experiments = {{
	[VMSC_RULE_MPROTECT_UNACCOUNT] = mprotect_unaccount,
	[VMSC_RULE_STICKY_GUARD] = sticky_guard,
	[VMSC_RULE_GUARD_INSTALL] = guard_install,
	[VMSC_RULE_GUARD_INSTALL_FILE] = guard_install_file,
	[VMSC_RULE_MSEAL] = mseal_exists,
	[VMSC_RULE_MSEAL_IN_LOOP] = mseal_in_loop,
	[VMSC_RULE_MSEAL_DEV_ZERO] = mseal_dev_zero,
	[VMSC_RULE_DROPPABLE] = droppable,
	[VMSC_RULE_MAP_STACK_NOHUGEPAGE] = map_stack_nohugepage,
	[VMSC_RULE_MDWE] = mdwe,
	[VMSC_RULE_MDWE_NO_INHERIT] = mdwe_no_inherit,
	[VMSC_RULE_REMOVE_MAYWRITE] = remove_maywrite,
	[VMSC_RULE_POPULATE_STOPS] = populate_stops,
	[VMSC_RULE_SHADOW_STACK] = shadow_stack,
	[VMSC_RULE_MMAP_FAIL_KEEPS_OLD] = mmap_fail_keeps_old,
	[VMSC_RULE_MLOCK_SKIPS_DROPPABLE] = mlock_skips_droppable,
	[VMSC_RULE_DONTUNMAP_LOCKED_DRIFT] = dontunmap_locked_drift,
	[VMSC_RULE_PT_RECLAIM] = pt_reclaim,
	[VMSC_RULE_PROCESS_MADVISE_SELF] = process_madvise_self,
	[VMSC_RULE_MREMAP_MULTI] = mremap_multi,
	[VMSC_RULE_DONTUNMAP_CLEARS_ACCOUNT] = dontunmap_clears_account,
	[VMSC_RULE_HEAP_LABEL_STRICT] = heap_label_strict,
	[VMSC_RULE_ANON_NAME_SHMEM] = anon_name_shmem,
	[VMSC_RULE_SOFT_DIRTY] = soft_dirty,
	[VMSC_RULE_ANON_VMA_NAME] = anon_vma_name,
	[VMSC_RULE_PKEYS] = pkeys,
}};
/* clang-format on */
