/* SPDX-License-Identifier: MIT */
/*
 * causes.h - why the kernel refused a call: which limit, or what else.
 *
 * A limit is blamed when the same call would pass by the rules once that limit alone is lifted: the model is
 * asked again, without changing anything. What no rule of the VMA layer explains is overcommit or memory.
 */
#ifndef VMSC_ANALYZER_CAUSES_H
#define VMSC_ANALYZER_CAUSES_H

#include "vmascope/replay.h"

#define VMSC_CAUSES(X)                                                                                       \
	X(NONE, "none")                                                                                      \
	X(MAP_COUNT, "max_map_count")                                                                        \
	X(RLIMIT_AS, "RLIMIT_AS")                                                                            \
	X(RLIMIT_DATA, "RLIMIT_DATA")                                                                        \
	X(RLIMIT_MEMLOCK, "RLIMIT_MEMLOCK")                                                                  \
	X(ADDRESS_SPACE, "address-space") /* no hole is large enough, or the range ends beyond TASK_SIZE */  \
	X(OVERCOMMIT, "overcommit")	  /* the charge that vm.overcommit_memory checks */                  \
	X(MEMORY, "memory")		  /* the kernel, or a cgroup, had none */                            \
	X(UNMAPPED, "unmapped")		  /* a hole in the range */                                          \
	X(SEALED, "sealed")		  /* mseal() */                                                      \
	X(ALIGNMENT, "alignment")                                                                            \
	X(ARGUMENT, "argument") /* a value, or a pair of them, that the call does not take */                \
	X(OCCUPIED, "occupied") /* MAP_FIXED_NOREPLACE, or the heap's or an mremap's way, over a mapping */  \
	X(RIGHTS, "rights")	/* the file's mode, MDWE, or what the VMA may never become */                \
	X(MIN_ADDR, "mmap_min_addr")                                                                         \
	X(FILE, "file") /* the descriptor, or the file's driver */                                           \
	X(INDIVISIBLE,                                                                                       \
	  "indivisible")	    /* a VMA that may not be split or resized: vdso, huge pages, drivers */  \
	X(HUGE_PAGES, "huge-pages") /* their pool has too few free */                                        \
	X(UNKNOWN, "unknown")

enum vmsc_cause {
#define X(name, text) VMSC_CAUSE_##name,
	VMSC_CAUSES(X)
#undef X
		VMSC_NR_CAUSES
};

const char *vmsc_cause_name(unsigned int cause);

struct vmsc_failure {
	uint64_t call;
	enum vmsc_cause cause;
	uint32_t also;	 /* bits of further causes: each alone would have refused too */
	uint64_t used;	 /* of the limit, before the call: VMAs or bytes */
	uint64_t limit;	 /* VMAs or bytes; 0: the cause is no limit */
	uint64_t wanted; /* VMAs or bytes more */
	uint64_t where;	 /* where it failed, 0: nowhere in particular */
};

/* Did the kernel refuse? brk tells it by its result. */
bool vmsc_call_failed(const struct vmsc_call *call);

/* Asked right after the step of a call that failed. */
void vmsc_failure_explain(struct vmsc_failure *failure, struct vmsc_mm *mm, const struct vmsc_call *call);
/* How far the limit was used: asked after that, where somebody wants to know, since it may look at every VMA.
 */
void vmsc_failure_measure(struct vmsc_failure *failure, struct vmsc_mm *mm, const struct vmsc_call *call);

/* A sentence on it: what limit, how far it was used; the caller frees it. */
char *vmsc_failure_text(const struct vmsc_failure *failure);

#endif
