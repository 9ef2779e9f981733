/* SPDX-License-Identifier: MIT */
/*
 * One small experiment per rule. Each runs alone in a scratch process that is thrown away, on pages far from
 * everything; it changes nothing outside that process.
 */
#include <errno.h>
#include <fcntl.h>
#include <stdarg.h>
#include <stdio.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/prctl.h>
#include <sys/syscall.h>
#include <sys/wait.h>
#include <unistd.h>

#include "rules.h"
#include "scratch.h"

/* Numbers of the kernel's that older headers lack. */
#define NR_MAP_SHADOW_STACK   453
#define NR_MSEAL	      462
#define OP_SET_VMA	      0x53564d41
#define OP_SET_MDWE	      65
#define OP_GET_MDWE	      66
#define OP_SET_MEMORY_MERGE   67
#define ADVICE_GUARD_INSTALL  102
#define TYPE_DROPPABLE	      8
#define MREMAP_FLAG_DONTUNMAP 4
#define FLAG_STACK	      0x20000
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
	[VMSC_RULE_DROPPABLE] = droppable,
	[VMSC_RULE_MAP_STACK_NOHUGEPAGE] = map_stack_nohugepage,
	[VMSC_RULE_MDWE] = mdwe,
	[VMSC_RULE_MDWE_NO_INHERIT] = mdwe_no_inherit,
	[VMSC_RULE_REMOVE_MAYWRITE] = remove_maywrite,
	[VMSC_RULE_SHADOW_STACK] = shadow_stack,
	[VMSC_RULE_THP_ALIGN_ANON] = thp_align_anon,
	[VMSC_RULE_THP_ALIGN_MULTIPLE] = thp_align_multiple,
	[VMSC_RULE_THP_ALIGN_NO_HINT] = thp_align_no_hint,
	[VMSC_RULE_MREMAP_MULTI] = mremap_multi,
	[VMSC_RULE_DONTUNMAP_CLEARS_ACCOUNT] = dontunmap_clears_account,
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
