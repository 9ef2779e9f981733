/* SPDX-License-Identifier: MIT */
/*
 * without.h - what if the program did not make a kind of call: which calls of a trace are left out, or made
 * otherwise.
 */
#ifndef VMSC_ANALYZER_WITHOUT_H
#define VMSC_ANALYZER_WITHOUT_H

#include <stdio.h>

#include "vmascope/replay.h"

#define VMSC_WITHOUTS(X)                                                                                     \
	X(NAMES, "names", "prctl(PR_SET_VMA_ANON_NAME)")                                                     \
	X(GUARDS, "guards",                                                                                  \
	  "guard pages by mprotect, up to 64 KiB: as if madvise(MADV_GUARD_INSTALL) made them")              \
	X(DECOMMIT, "decommit", "mmap(PROT_NONE, MAP_FIXED) over mapped memory: as if madvise did it")       \
	X(DONTDUMP, "dontdump", "madvise(MADV_DONTDUMP, MADV_DODUMP)")                                       \
	X(HUGEPAGE, "hugepage", "madvise(MADV_HUGEPAGE, MADV_NOHUGEPAGE)")                                   \
	X(FORK, "dontfork", "madvise(MADV_DONTFORK, MADV_DOFORK, MADV_WIPEONFORK, MADV_KEEPONFORK)")         \
	X(MERGEABLE, "mergeable", "madvise(MADV_MERGEABLE, MADV_UNMERGEABLE), prctl(PR_SET_MEMORY_MERGE)")   \
	X(ACCESS, "readahead", "madvise(MADV_NORMAL, MADV_RANDOM, MADV_SEQUENTIAL)")                         \
	X(MLOCK, "mlock", "mlock, mlock2, mlockall and MAP_LOCKED")                                          \
	X(MPROTECT, "mprotect", "all of mprotect and pkey_mprotect")                                         \
	X(POLICY, "policy", "mbind, set_mempolicy_home_node")                                                \
	X(UFFD, "userfaultfd", "ioctl(UFFDIO_REGISTER, UFFDIO_UNREGISTER)")                                  \
	X(MSEAL, "mseal", "mseal")

enum vmsc_without {
#define X(name, text, what) VMSC_WITHOUT_##name,
	VMSC_WITHOUTS(X)
#undef X
		VMSC_NR_WITHOUTS
};

/* The set of a list as "names,guards", one bit each; 0: one of them is unknown. */
uint32_t vmsc_without_parse(const char *list);
/* The kinds, for a help text. */
void vmsc_without_help(FILE *out);

/*
 * The call as the program would have made it without what is in @set: @record itself, a changed copy in
 * *copy, or NULL where it would not have made it. @mm is the address space before.
 */
struct vmsc_altered_call {
	struct vmsc_call_record record;
	uint64_t args[6];
};
const struct vmsc_call_record *vmsc_without_apply(uint32_t set, const struct vmsc_mm *mm,
						  const struct vmsc_call_record *record,
						  struct vmsc_altered_call *copy);

#endif
