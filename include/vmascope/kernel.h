/* SPDX-License-Identifier: MIT */
/*
 * kernel.h - facts of the Linux kernel as data: vm_flags bits with the codes that smaps prints, and the
 * behaviours ("rules") that differ between releases.
 *
 * No other place of the project knows a release number or a vm_flags bit.
 */
#ifndef VMASCOPE_KERNEL_H
#define VMASCOPE_KERNEL_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#ifdef __cplusplus
extern "C" {
#endif

#define VMSC_MUST_CHECK __attribute__((warn_unused_result))

/*
 * vm_flags: name, bit, code in smaps' VmFlags line. The bits are 6.18's; where a release keeps a flag in another
 * bit (SEALED, UFFD_MINOR), only the code matters, since flags are never exchanged as numbers with the kernel.
 */
#define VMSC_VM_FLAGS(X)                                                                                               \
	X(READ, 0, "rd")                                                                                               \
	X(WRITE, 1, "wr")                                                                                              \
	X(EXEC, 2, "ex")                                                                                               \
	X(SHARED, 3, "sh")                                                                                             \
	X(MAYREAD, 4, "mr")                                                                                            \
	X(MAYWRITE, 5, "mw")                                                                                           \
	X(MAYEXEC, 6, "me")                                                                                            \
	X(MAYSHARE, 7, "ms")                                                                                           \
	X(GROWSDOWN, 8, "gd")                                                                                          \
	X(UFFD_MISSING, 9, "um")                                                                                       \
	X(PFNMAP, 10, "pf")                                                                                            \
	X(MAYBE_GUARD, 11, "gu")                                                                                       \
	X(UFFD_WP, 12, "uw")                                                                                           \
	X(LOCKED, 13, "lo")                                                                                            \
	X(IO, 14, "io")                                                                                                \
	X(SEQ_READ, 15, "sr")                                                                                          \
	X(RAND_READ, 16, "rr")                                                                                         \
	X(DONTCOPY, 17, "dc")                                                                                          \
	X(DONTEXPAND, 18, "de")                                                                                        \
	X(LOCKONFAULT, 19, "lf")                                                                                       \
	X(ACCOUNT, 20, "ac")                                                                                           \
	X(NORESERVE, 21, "nr")                                                                                         \
	X(HUGETLB, 22, "ht")                                                                                           \
	X(SYNC, 23, "sf")                                                                                              \
	X(ARCH_1, 24, "ar")                                                                                            \
	X(WIPEONFORK, 25, "wf")                                                                                        \
	X(DONTDUMP, 26, "dd")                                                                                          \
	X(SOFTDIRTY, 27, "sd")                                                                                         \
	X(MIXEDMAP, 28, "mm")                                                                                          \
	X(HUGEPAGE, 29, "hg")                                                                                          \
	X(NOHUGEPAGE, 30, "nh")                                                                                        \
	X(MERGEABLE, 31, "mg")                                                                                         \
	X(SHADOW_STACK, 37, "ss")                                                                                      \
	X(DROPPABLE, 40, "dp")                                                                                         \
	X(UFFD_MINOR, 41, "ui")                                                                                        \
	X(SEALED, 42, "sl")

#define VMSC_PKEY_SHIFT 32 /* four bits, 32..35: the protection key */

enum {
#define X(name, bit, code) VMSC_VM_BIT_##name = bit,
	VMSC_VM_FLAGS(X)
#undef X
};

#define VMSC_VM(name) (UINT64_C(1) << VMSC_VM_BIT_##name)

#define VMSC_VM_ACCESS (VMSC_VM(READ) | VMSC_VM(WRITE) | VMSC_VM(EXEC))
#define VMSC_VM_PKEY (UINT64_C(15) << VMSC_PKEY_SHIFT)
/* Memory with one of these is not charged (VM_ACCOUNT) when it becomes writable: mprotect_fixup() of mm/mprotect.c. */
#define VMSC_VM_NOT_CHARGED                                                                                            \
	(VMSC_VM(ACCOUNT) | VMSC_VM(WRITE) | VMSC_VM(HUGETLB) | VMSC_VM(SHARED) | VMSC_VM(NORESERVE))
/* VM_SPECIAL of mm.h: such a VMA never merges and is never locked. */
#define VMSC_VM_SPECIAL (VMSC_VM(IO) | VMSC_VM(DONTEXPAND) | VMSC_VM(PFNMAP) | VMSC_VM(MIXEDMAP))
#define VMSC_VM_UFFD (VMSC_VM(UFFD_MISSING) | VMSC_VM(UFFD_WP) | VMSC_VM(UFFD_MINOR))

/* The two-letter code of bit @bit as smaps prints it, or NULL for a bit without one. */
const char *vmsc_vm_flag_code(unsigned int bit);

/* The kernel's name of bit @bit without "VM_" ("ACCOUNT"), or NULL. */
const char *vmsc_vm_flag_name(unsigned int bit);

/* The flag whose smaps code is the two bytes at @code; 0 for an unknown one. */
uint64_t vmsc_vm_flag_of_code(const char *code);

/*
 * Behaviours that differ between releases: name, spelling in reports, first release that has it, first release that no
 * longer has it (0.0: none). A distribution's kernel may carry a backport, so a set found by experiment may differ from
 * any release's.
 */
#define VMSC_RULES(X)                                                                                                  \
	/* mprotect without PROT_WRITE drops VM_ACCOUNT of an unfaulted anonymous VMA */                               \
	X(MPROTECT_UNACCOUNT, "mprotect-unaccount", 6, 7, 0, 0)                                                        \
	/* a new mapping between two faulted VMAs joins prev; before: next */                                          \
	X(NEW_MERGE_PREV_FIRST, "new-merge-prev-first", 6, 12, 0, 0)                                                   \
	/* a faulted VMA may merge into an unfaulted neighbour */                                                      \
	X(AV_MERGE_FIX, "anon-vma-merge-fix", 6, 16, 0, 0)                                                             \
	/* mremap: a source with a forked anon_vma does not merge into an unfaulted neighbour */                       \
	X(COPY_FORK_CHECK, "copy-fork-check", 6, 18, 0, 0)                                                             \
	/* a close hook only hinders a VMA from being removed, for prev (6.6), for both sides (6.12) */                \
	X(CLOSE_HOOK_PREV, "close-hook-prev", 6, 6, 0, 0)                                                              \
	X(CLOSE_HOOK_REMOVAL, "close-hook-removal", 6, 12, 0, 0)                                                       \
	/* second merge after the driver's mmap hook changed vm_flags */                                               \
	X(MMAP_RETRY_MERGE, "mmap-retry-merge", 0, 0, 6, 16)                                                           \
	/* PR_SET_MEMORY_MERGE exists; sets VM_MERGEABLE before the merge attempt */                                   \
	X(MERGE_ANY, "merge-any", 6, 4, 0, 0)                                                                          \
	X(KSM_EARLY_FLAG, "ksm-early-flag", 6, 17, 0, 0)                                                               \
	/* VM_MAYBE_GUARD exists; it and VM_SOFTDIRTY are kept by merges and ignored in comparing */                   \
	X(STICKY_GUARD, "sticky-guard", 6, 19, 0, 0)                                                                   \
	X(GUARD_INSTALL, "guard-install", 6, 13, 0, 0)                                                                 \
	X(GUARD_INSTALL_FILE, "guard-install-file", 6, 15, 0, 0)                                                       \
	X(MSEAL, "mseal", 6, 10, 0, 0)                                                                                 \
	X(MSEAL_IN_LOOP, "mseal-in-loop", 6, 12, 0, 0)                                                                 \
	/* discarding from a sealed private mapping of /dev/zero is refused as from anonymous memory; before: it is a file's */ \
	X(MSEAL_DEV_ZERO, "mseal-dev-zero", 6, 17, 0, 0)                                                               \
	X(DROPPABLE, "droppable", 6, 11, 0, 0)                                                                         \
	X(MAP_STACK_NOHUGEPAGE, "map-stack-nohugepage", 6, 7, 0, 0)                                                    \
	/* MAP_DROPPABLE mappings are never locked */                                                                  \
	X(MLOCK_SKIPS_DROPPABLE, "mlock-skips-droppable", 6, 18, 0, 0)                                                 \
	/* userfaultfd: a range that begins inside of a VMA joins next; before, compared by the pgoff of that VMA's start */   \
	X(UFFD_RANGE_PGOFF, "uffd-range-pgoff", 6, 4, 0, 0)                                                            \
	X(MDWE, "mdwe", 6, 3, 0, 0)                                                                                    \
	/* PR_MDWE_NO_INHERIT: a forked child is free again */                                                        \
	X(MDWE_NO_INHERIT, "mdwe-no-inherit", 6, 7, 0, 0)                                                              \
	/* MADV_REMOVE where the mapping could be made writable; before: where it is */                               \
	X(REMOVE_MAYWRITE, "remove-maywrite", 6, 7, 0, 0)                                                              \
	/* MADV_POPULATE_READ and _WRITE end at a hole; before: they go on behind it, and tell of it at the end */         \
	X(POPULATE_STOPS, "populate-stops-at-hole", 6, 9, 0, 0)                                                        \
	X(SHADOW_STACK, "shadow-stack", 6, 6, 0, 0)                                                                    \
	X(MAP_ABOVE4G, "map-above4g", 6, 6, 0, 0)                                                                      \
	X(THP_ALIGN_ANON, "thp-align-anon", 6, 7, 0, 0)                                                                \
	X(THP_ALIGN_MULTIPLE, "thp-align-multiple", 6, 12, 0, 0)                                                       \
	X(THP_ALIGN_NO_HINT, "thp-align-no-hint", 6, 13, 0, 0)                                                         \
	X(THP_ALIGN_FILE_NO_OP, "thp-align-file-no-op", 6, 10, 6, 13)                                                  \
	/* private /dev/zero is placed like a file of a file system with huge pages */                                  \
	X(THP_ALIGN_DEV_ZERO, "thp-align-dev-zero", 6, 18, 0, 0)                                                       \
	X(THP_TOPDOWN_SUB0, "thp-topdown-sub0", 6, 8, 0, 0)                                                            \
	/* what memfd_secret() adds to vm_flags is there before the merge (mmap_prepare) */                             \
	X(SECRETMEM_PREPARE, "secretmem-prepare", 6, 17, 0, 0)                                                         \
	/* what memfd_secret() made is VM_LOCKED when it is mapped */                                                   \
	X(SECRETMEM_LOCKED, "secretmem-locked", 6, 17, 0, 0)                                                           \
	/* a hint for huge pages is rounded up to one; before, on x86: down */                                         \
	X(HUGETLB_HINT_UP, "hugetlb-hint-up", 6, 13, 0, 0)                                                             \
	X(MREMAP_MULTI, "mremap-multi", 6, 17, 0, 0)                                                                   \
	X(DONTUNMAP_CLEARS_ACCOUNT, "dontunmap-clears-account", 6, 15, 6, 18)                                          \
	/* mremap(MREMAP_DONTUNMAP) of a locked VMA: locked_vm keeps counting what is no longer locked */                \
	X(DONTUNMAP_LOCKED_DRIFT, "dontunmap-locked-drift", 6, 15, 0, 0)                                               \
	/* an mremap that shrinks what it moves is charged for what it gives back */                                    \
	X(MREMAP_SHRINK_CHARGE, "mremap-shrink-charge", 6, 15, 0, 0)                                                   \
	/* what MREMAP_DONTUNMAP leaves without an anon_vma has the pgoff of its address again */                       \
	X(DONTUNMAP_OWN_PGOFF, "dontunmap-own-pgoff", 7, 3, 0, 0)                                                      \
	X(MMAP_FAIL_KEEPS_OLD, "mmap-fail-keeps-old", 6, 12, 0, 0)                                                     \
	X(HEAP_LABEL_STRICT, "heap-label-strict", 6, 7, 0, 0)                                                          \
	X(ANON_NAME_SHMEM, "anon-name-shmem", 6, 2, 0, 0)                                                              \
	X(MEMFD_SEAL_READ_ONLY, "memfd-seal-read-only", 6, 13, 0, 0)                                                   \
	/* MADV_DONTNEED of all that a PTE table maps frees the table (a configuration that is on by default) */            \
	X(PT_RECLAIM, "pt-reclaim", 6, 14, 0, 0)                                                                       \
	/* process_madvise() on oneself takes every advice; before: those that may be given to others */              \
	X(PROCESS_MADVISE_SELF, "process-madvise-self", 6, 13, 0, 0)                                                   \
	/* configuration rather than release: found by experiment, off unless found */                                 \
	X(SOFT_DIRTY, "soft-dirty", 0, 0, 0, 1)                                                                        \
	X(ANON_VMA_NAME, "anon-vma-name", 0, 0, 0, 1)                                                                  \
	X(PKEYS, "pkeys", 0, 0, 0, 1)

enum vmsc_rule {
#define X(name, text, from_major, from_minor, to_major, to_minor) VMSC_RULE_##name,
	VMSC_RULES(X)
#undef X
	VMSC_NR_RULES
};

/* A set of rules, one bit each. */
typedef uint64_t vmsc_rules_t;

#define VMSC_RULE_BIT(rule) (UINT64_C(1) << (rule))

static inline bool vmsc_has_rule(vmsc_rules_t rules, enum vmsc_rule rule)
{
	return rules & VMSC_RULE_BIT(rule);
}

/* The rules of release @major.@minor; unknown releases get those of the nearest earlier one. */
vmsc_rules_t vmsc_rules_of_release(unsigned int major, unsigned int minor);

/* The same from a string as uname's release ("6.12.94-amd64"). 0, or -EINVAL when it has no two numbers in front. */
int vmsc_rules_of_string(const char *release, vmsc_rules_t *rules) VMSC_MUST_CHECK;

/* The spelling of @rule in reports ("mprotect-unaccount"), NULL when out of range. */
const char *vmsc_rule_name(unsigned int rule);

#ifdef __cplusplus
}
#endif

#endif
