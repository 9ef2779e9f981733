/* SPDX-License-Identifier: MIT */
/*
 * model.h - a model of the kernel's VMA layer (mm_struct and vm_area_struct), in userspace.
 *
 * Glossary, in the kernel's words:
 *   mm         one address space: an ordered set of VMAs, limits, layout
 *   VMA        one mapping [start, end) with one set of attributes; one line of /proc/PID/maps
 *   vm_flags   the VMA's flags (kernel.h)
 *   pgoff      where the VMA begins in its object, in pages; for anonymous memory the address that it was born at
 *   file       an open file description (struct file); two opens of one path are two files; 0 is none
 *   anon_vma   what a VMA gets with its first anonymous page ("faulted"); 0 is none ("unfaulted")
 *   forked     the anon_vma chain has an entry of a parent process
 *   merge      two adjacent VMAs become one; split: one becomes two
 *
 * The model is pure: no system calls, no stdio, no globals; memory comes from the caller's allocator. Functions return 0
 * or a negative errno of their own (out of memory, bad argument); what the modelled kernel would have answered is data in
 * struct vmsc_outcome. Addresses and lengths are in bytes, pgoff in pages of 4096 bytes.
 */
#ifndef VMASCOPE_MODEL_H
#define VMASCOPE_MODEL_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "vmascope/kernel.h"

#ifdef __cplusplus
extern "C" {
#endif

#define VMSC_PAGE_SHIFT 12
#define VMSC_PAGE_SIZE (UINT64_C(1) << VMSC_PAGE_SHIFT)
#define VMSC_PMD_SIZE (UINT64_C(1) << 21) /* what one entry of a PMD table maps, so: one whole PTE table */
#define VMSC_PUD_SIZE (UINT64_C(1) << 30)
#define VMSC_P4D_SIZE (UINT64_C(1) << 39)
#define VMSC_PGD_SIZE (UINT64_C(1) << 48) /* with five levels; with four, P4D is folded */

/* Memory of the model. alloc returns NULL when there is none; free gets the size that was asked for. */
struct vmsc_allocator {
	void *(*alloc)(void *ctx, size_t size);
	void (*free)(void *ctx, void *ptr, size_t size);
	void *ctx;
};

/* Limits that make calls fail. Sizes in bytes, UINT64_MAX is RLIM_INFINITY. */
struct vmsc_limits {
	uint64_t max_map_count; /* vm.max_map_count */
	uint64_t as, data, stack, memlock;
	bool ipc_lock; /* CAP_IPC_LOCK: memlock does not count */
	uint32_t overcommit; /* vm.overcommit_memory */
	uint64_t commit_most; /* all memory and swap: what one call may charge by overcommit 0; 0: not known */
	/*
	 * Overcommit 2, as it was when the call that is stepped next was refused: CommitLimit of /proc/meminfo, less what is kept
	 * for who has CAP_SYS_ADMIN; Committed_AS; vm.user_reserve_kbytes. 0: not known.
	 */
	uint64_t commit_limit, committed, commit_reserve;
	uint64_t huge_page_size; /* of MAP_HUGETLB that says none; 0: 2 MiB */
	uint64_t mmap_min_addr; /* the greater of vm.mmap_min_addr and the LSM's */
	/* Below it a fixed mapping is refused, if that is known (vm.mmap_min_addr); 0: below mmap_min_addr, but CAP_SYS_RAWIO may */
	uint64_t fixed_min_addr;
	uint64_t stack_guard_gap; /* bytes, normally 1 MiB */
};

/* Where the kernel puts things in this address space. task_size and the bases are multiples of the page size. */
struct vmsc_layout {
	uint64_t task_size; /* TASK_SIZE: 2^47 - 4096 with four-level tables */
	uint64_t mmap_base; /* topdown search starts below it; 0: not known, no address is predicted */
	uint64_t legacy_base; /* bottom-up search starts here; 0: not known */
	bool legacy; /* bottom-up is the rule of this address space */
	bool randomized; /* ADDR_NO_RANDOMIZE is off: MAP_32BIT addresses can't be predicted */
	uint64_t start_brk, brk, start_data, end_data;
	uint64_t start_stack;
};

/* How a file wants to be placed and treated by mmap. */
enum vmsc_file_kind {
	VMSC_FILE_PLAIN, /* no get_unmapped_area of its own: procfs, overlay, vfat, fuse, … */
	VMSC_FILE_THP_ALIGNED, /* ext4, xfs, btrfs: thp_get_unmapped_area */
	VMSC_FILE_SHMEM, /* tmpfs, memfd, shared anonymous, SysV */
	VMSC_FILE_HUGETLB,
	VMSC_FILE_DEV_ZERO, /* private: anonymous pages behind a file; shared: shmem */
	VMSC_FILE_OTHER, /* a driver or anon_inode whose rules are not known: its flags are learned */
};

enum {
	VMSC_FILE_READ = 1, /* FMODE_READ */
	VMSC_FILE_WRITE = 2, /* FMODE_WRITE */
	VMSC_FILE_NOEXEC = 4, /* on a noexec mount */
	VMSC_FILE_NO_MMAP = 8, /* a directory, a pipe, … : ENODEV */
	VMSC_FILE_SEAL_WRITE = 16, /* F_SEAL_WRITE or F_SEAL_FUTURE_WRITE */
	VMSC_FILE_UNSURE = 32, /* may be the same open file description as another id: vmsc_mm_may_be_one_file() */
	VMSC_FILE_CLOSE_HOOK = 64, /* vm_ops->close is set: SysV shm, hugetlb, perf, … */
	VMSC_FILE_SECRET = 128, /* of memfd_secret(): VMSC_FILE_OTHER whose mmap hook is known */
};

struct vmsc_file {
	uint32_t id; /* > 0; one number per open file description */
	uint32_t kind; /* enum vmsc_file_kind */
	uint32_t mode; /* VMSC_FILE_READ | … */
	uint32_t dev_major, dev_minor; /* as maps prints them */
	uint64_t inode;
	uint64_t learned_flags; /* vm_flags that the driver's mmap hook was seen to add (VMSC_FILE_OTHER) */
	uint64_t huge_page_size; /* VMSC_FILE_HUGETLB only */
	uint64_t segment_size; /* of shmat()'s and io_setup()'s file, which the model sees there; 0: not known */
	uint64_t ring; /* of io_setup()'s file, as segment_size: where its context has it, 0: none has it */
};

enum {
	VMSC_VMA_FORKED = 1, /* more than one entry in the anon_vma chain */
	VMSC_VMA_OWN = 2, /* belongs to the recorder */
	VMSC_VMA_SPECIAL_MAPPING = 4, /* vdso, vvar, …: may not be split */
	VMSC_VMA_ANON_VMA_UNSURE = 8, /* faulted, but whose anon_vma it reused was not seen */
	VMSC_VMA_SHM = 16, /* attached by shmat */
	VMSC_VMA_BORN_BEFORE = 32, /* existed at attach */
	VMSC_VMA_FLAGS_UNSURE = 64, /* taken over from maps: only the access rights were seen */
};

/* One VMA, by value. */
struct vmsc_vma {
	uint64_t start, end;
	uint64_t vm_flags;
	uint64_t pgoff;
	uint64_t born; /* number of the call that created it, 0: before attach */
	uint32_t file; /* id, 0: none */
	uint32_t anon_vma; /* id, 0: none */
	uint32_t policy; /* id of the memory policy, 0: default */
	uint32_t uffd; /* id of the userfaultfd context, 0: none */
	uint32_t name; /* id of the anonymous VMA name, 0: none */
	uint32_t traits; /* VMSC_VMA_FORKED | … */
};

/* Why two neighbours did not merge: the one reason the kernel's rule gives, in the order in which it asks. */
#define VMSC_REFUSALS(X)                                                                                               \
	X(NONE, "merged")                                                                                              \
	X(NOT_ADJACENT, "not-adjacent")                                                                                \
	X(SPECIAL, "special")                                                                                          \
	X(POLICY, "policy")                                                                                            \
	X(FLAGS, "flags")                                                                                              \
	X(FILE, "file")                                                                                                \
	X(CLOSE_HOOK, "close-hook")                                                                                    \
	X(UFFD, "userfaultfd")                                                                                         \
	X(NAME, "name")                                                                                                \
	X(PGOFF, "pgoff")                                                                                              \
	X(ANON_VMA, "anon_vma")                                                                                        \
	X(LIMIT, "limit")

enum vmsc_refusal {
#define X(name, text) VMSC_REFUSED_##name,
	VMSC_REFUSALS(X)
#undef X
	VMSC_NR_REFUSALS
};

const char *vmsc_refusal_name(unsigned int refusal);

/* Who asked for a merge. */
#define VMSC_MERGE_CALLERS(X)                                                                                          \
	X(MMAP_REGION, "mmap_region")                                                                                  \
	X(MMAP_RETRY, "mmap_retry")                                                                                    \
	X(COPY_VMA, "copy_vma")                                                                                        \
	X(VMA_EXPAND, "mremap_expand")                                                                                 \
	X(BRK, "brk")                                                                                                  \
	X(MODIFY, "modify")

enum vmsc_merge_caller {
#define X(name, text) VMSC_MERGE_BY_##name,
	VMSC_MERGE_CALLERS(X)
#undef X
	VMSC_NR_MERGE_CALLERS
};

const char *vmsc_merge_caller_name(unsigned int caller);

/*
 * Which implementation merges: one function for new ranges and one for modified ones (since 6.12), or the one function of
 * the releases before, which told eight cases apart.
 */
#define VMSC_MERGE_WAYS(X)                                                                                             \
	X(NEW, "new")                                                                                                  \
	X(CASES, "cases")

enum vmsc_merge_way {
#define X(name, text) VMSC_MERGE_WAY_##name,
	VMSC_MERGE_WAYS(X)
#undef X
	VMSC_NR_MERGE_WAYS
};

const char *vmsc_merge_way_name(unsigned int way);

/* One merge attempt. refused[] is VMSC_REFUSED_NONE for a side that joined. */
struct vmsc_merge_note {
	enum vmsc_merge_caller caller;
	uint64_t start, end;
	enum vmsc_refusal refused[2]; /* with prev, with next */
	uint64_t flag_bits[2]; /* vm_flags that differ, where the refusal is VMSC_REFUSED_FLAGS */
	bool merged;
	unsigned int merge_case; /* 1 to 8, VMSC_MERGE_WAY_CASES only; 0: none */
};

struct vmsc_range {
	uint64_t start, end;
};

/* Page-table pages by level. One maps 2 MiB, 1 GiB, 512 GiB, 256 TiB; P4D tables exist with five levels only. */
#define VMSC_TABLE_LEVELS(X)                                                                                           \
	X(PTE, "pte")                                                                                                  \
	X(PMD, "pmd")                                                                                                  \
	X(PUD, "pud")                                                                                                  \
	X(P4D, "p4d") /* not counted in VmPTE */

enum vmsc_table_level {
#define X(name, text) VMSC_TABLE_##name,
	VMSC_TABLE_LEVELS(X)
#undef X
	VMSC_NR_TABLE_LEVELS
};

const char *vmsc_table_level_name(unsigned int level);

/*
 * struct unmap_desc of mm/vma.h, in the names of its first version; filled as the kernel's callers do. The version that
 * was merged for 7.0 calls first_pgaddr pg_start, last_pgaddr pg_end, vma_min vma_start, vma_max vma_end, tree_max tree_end.
 */
struct vmsc_unmap_desc {
	bool side_tree; /* mas walks the detached side tree, indexed by number from 0; otherwise the mm's, by address */
	uint64_t first; /* start of the first VMA to unmap */
	uint64_t first_pgaddr, last_pgaddr; /* floor and ceiling of page-table freeing; a ceiling of 0 is the top */
	uint64_t vma_min, vma_max; /* what is zapped */
	uint64_t tree_max; /* exclusive bound of the walk over the tree; 0 is the top */
	uint64_t tree_reset; /* where the second walk (page tables) begins */
	bool mm_wr_locked;
};

#define VMSC_UNMAP_CALLERS(X)                                                                                          \
	X(VMS_CLEAR_PTES, "vms_clear_ptes") /* munmap, mmap over, mremap, brk: the detached side tree */               \
	X(UNMAP_REGION, "unmap_region") /* a driver's mmap hook failed */                                              \
	X(EXIT_MMAP, "exit_mmap")

enum vmsc_unmap_caller {
#define X(name, text) VMSC_UNMAP_BY_##name,
	VMSC_UNMAP_CALLERS(X)
#undef X
	VMSC_NR_UNMAP_CALLERS
};

const char *vmsc_unmap_caller_name(unsigned int caller);

/*
 * Which implementation unmaps. The kernels before 7.0 hand the arguments on one by one; 7.0 hands on the descriptor. The
 * two must unmap and free the same. The wrong ones have a mistake planted in the descriptor: a comparison that does not
 * find it is worth nothing.
 */
#define VMSC_UNMAP_WAYS(X)                                                                                             \
	X(DESC, "descriptor")                                                                                          \
	X(ARGS, "arguments")                                                                                           \
	X(WRONG_CEILING, "wrong-ceiling") /* last_pgaddr taken from vma_max */                                         \
	X(WRONG_FLOOR, "wrong-floor") /* first_pgaddr taken from vma_min */                                            \
	X(WRONG_TREE, "wrong-tree") /* tree_max one short */                                                           \
	X(WRONG_RESET, "wrong-reset") /* tree_reset back at the first VMA */                                           \
	X(WRONG_LOCK, "wrong-lock") /* mm_wr_locked is not set for the second pass of exit_mmap */

enum vmsc_unmap_way {
#define X(name, text) VMSC_UNMAP_WAY_##name,
	VMSC_UNMAP_WAYS(X)
#undef X
	VMSC_NR_UNMAP_WAYS
};

const char *vmsc_unmap_way_name(unsigned int way);

/* What the walk of one unmapping does, step by step, in the kernel's order. */
enum vmsc_unmap_event_kind {
	VMSC_UNMAP_ZAP, /* unmap_vmas: [start, end) of a VMA */
	VMSC_UNMAP_UNLINK, /* free_pgtables: the VMA [start, end) is hidden from the rmap */
	VMSC_UNMAP_FREE, /* free_pgtables: one run of VMAs [start, end) handed to free_pgd_range */
	VMSC_UNMAP_REMOVE, /* the VMA [start, end) is gone */
};

struct vmsc_unmap_event {
	enum vmsc_unmap_event_kind kind;
	uint64_t start, end;
	bool mm_wr_locked; /* ZAP, UNLINK */
	uint64_t floor, ceiling; /* FREE */
	struct vmsc_range tables[VMSC_NR_TABLE_LEVELS]; /* FREE: where tables are freed, start == end: none */
	uint64_t freed[VMSC_NR_TABLE_LEVELS]; /* FREE: of the tables that are known to exist */
};

/* One unmapping: who, the descriptor, and what its walk found. */
struct vmsc_unmap_note {
	enum vmsc_unmap_caller caller;
	uint64_t call; /* number of the call that asked, 0: the end of the address space */
	uint16_t nr; /* its system call */
	struct vmsc_unmap_desc desc;
	uint64_t vmas, pages, accounted_pages;
	uint64_t splits; /* VMAs that were cut at the ends of the range */
	uint64_t zapped_pages;
	uint64_t runs; /* calls of free_pgd_range */
	uint64_t tables[VMSC_NR_TABLE_LEVELS]; /* page-table pages that go if they were ever populated */
	uint64_t freed[VMSC_NR_TABLE_LEVELS]; /* of those, the ones known to exist (vmsc_mm_populate) */
	uint64_t left[2]; /* index of the iterator after unmap_vmas and after free_pgtables; set anew before its next use */
};

/* Told while a step runs. Any may be NULL. */
struct vmsc_listener {
	void (*merge)(void *ctx, const struct vmsc_merge_note *note);
	void (*unmap)(void *ctx, const struct vmsc_unmap_note *note); /* after the walk, before the VMAs go */
	void (*unmap_event)(void *ctx, const struct vmsc_unmap_event *event);
	void *ctx;
};

struct vmsc_mm_config {
	vmsc_rules_t rules;
	enum vmsc_unmap_way unmap_way;
	enum vmsc_merge_way merge_way;
	struct vmsc_limits limits;
	struct vmsc_layout layout;
	struct vmsc_listener listener;
	bool vmas_only; /* nobody asks for page tables: they are not followed, and unmaps are not told */
};

/*
 * One system call that can change an address space, as the program made it. nr is the x86-64 number, args the raw
 * registers. result is the kernel's (an address, 0, a count, or -errno); without has_result the model predicts freely.
 * What the registers only point to is given beside them.
 */
struct vmsc_call {
	uint64_t seq; /* number in the order of the kernel, from 1 */
	uint16_t nr;
	bool has_result;
	int64_t result;
	uint64_t args[6];
	uint32_t file; /* mmap: id of the file behind the descriptor, 0: none; shmat: of the segment's new file */
	uint32_t name; /* PR_SET_VMA_ANON_NAME: id of the name, 0: NULL */
	uint32_t policy; /* mbind: id of the policy, 0: MPOL_DEFAULT */
	uint32_t uffd; /* UFFDIO_REGISTER: id of the context */
	uint64_t size; /* shmat: of the segment; io_setup: of the ring; process_madvise: of all ranges, 0: of the one; mmap with
			  MAP_HUGETLB: bytes that the pool lacks, 0: none, or not known */
	/* userfaultfd ioctls and io_setup: what the structure or result says; process_madvise: the hull of the ranges, if they
	 * are of this address space */
	uint64_t range_start, range_end;
	uint64_t mode; /* UFFDIO_REGISTER: mode bits */
};

/* A decision that hung on a fact which no call shows and which was not known. */
enum vmsc_hidden {
	VMSC_HIDDEN_NOTHING,
	VMSC_HIDDEN_ANON_VMA, /* whose anon_vma */
	VMSC_HIDDEN_FILE, /* same open file description or not */
	VMSC_HIDDEN_POLICY, /* memory policy text not decoded */
	VMSC_HIDDEN_DRIVER, /* a driver decides: vm_flags, errors */
	VMSC_HIDDEN_MEMORY, /* the kernel was short of memory */
	VMSC_HIDDEN_COMMIT, /* how much was committed on the whole machine (overcommit) */
	VMSC_HIDDEN_ADDRESS, /* a randomised or unknown placement */
	VMSC_HIDDEN_ORDER, /* which other thread's calls came before it */
	VMSC_HIDDEN_BEGINNING, /* the VMAs that there were at the beginning could not be read */
};

struct vmsc_outcome {
	int64_t predicted; /* what the kernel answers by the rules */
	bool address_asked; /* the kernel chose an address */
	uint64_t address_predicted; /* the one that the model would have chosen, 0: no prediction */
	bool wrong; /* the recorded result contradicts the rules */
	enum vmsc_hidden undetermined; /* why the rules alone could not tell */
	uint64_t start, end; /* hull of what changed, or would have; start == end: nothing */
};

struct vmsc_mm;

/* An empty address space, or NULL when out of memory. */
struct vmsc_mm *vmsc_mm_new(const struct vmsc_allocator *allocator, const struct vmsc_mm_config *config);
void vmsc_mm_free(struct vmsc_mm *mm);

/* The configuration; limits and layout may be changed between steps (setrlimit, prctl). */
struct vmsc_mm_config *vmsc_mm_config(struct vmsc_mm *mm);

/* Puts a VMA that exists at attach. -EEXIST when it overlaps one, -EINVAL when it is no range of pages, -ENOMEM. */
int vmsc_mm_insert(struct vmsc_mm *mm, const struct vmsc_vma *vma) VMSC_MUST_CHECK;

/* Tells what a file id stands for; the same id again replaces. -EINVAL for id 0, -ENOMEM. */
int vmsc_mm_set_file(struct vmsc_mm *mm, const struct vmsc_file *file) VMSC_MUST_CHECK;
const struct vmsc_file *vmsc_mm_file(const struct vmsc_mm *mm, uint32_t id); /* NULL: not told */

/* May two different ids stand for one open file description? Only where one is VMSC_FILE_UNSURE: with an equal inode on an
 * equal device, or where nothing at all is known of it. */
bool vmsc_mm_may_be_one_file(const struct vmsc_mm *mm, uint32_t one, uint32_t other);

/* Nothing is known of a file any more: of this one, or of all from @first to @last that no VMA has. */
void vmsc_mm_forget_file(struct vmsc_mm *mm, uint32_t id);
void vmsc_mm_forget_unmapped(struct vmsc_mm *mm, uint32_t first, uint32_t last);

/*
 * One call: predicts its result, says in *out whether the recorded one agrees, and changes the address space as the
 * recorded result says (or as predicted, without one). A call that is no business of the VMA layer changes nothing.
 * Returns 0, or -ENOMEM with the address space unchanged.
 */
int vmsc_mm_step(struct vmsc_mm *mm, const struct vmsc_call *call, struct vmsc_outcome *out) VMSC_MUST_CHECK;

/*
 * An anonymous page was written (or found) at @addr: the VMA gets an anon_vma, reusing a neighbour's where
 * anon_vma_prepare() would. Nothing happens to shared VMAs or to one that has an anon_vma. -EFAULT: no VMA there.
 */
int vmsc_mm_fault(struct vmsc_mm *mm, uint64_t addr) VMSC_MUST_CHECK;

/* The lowest VMA of a VM_GROWSDOWN pair grew down to @start without a call. -EFAULT where no such VMA can. */
int vmsc_mm_grow_stack(struct vmsc_mm *mm, uint64_t vma_end, uint64_t start) VMSC_MUST_CHECK;

/*
 * Which ranges must be asked for anonymous pages before @call is made, because a decision hangs on the answer or the
 * evidence is about to vanish. Fills at most @max of @asks; returns how many there are. A range with an anonymous page
 * in it is told by vmsc_mm_fault() before the step.
 */
size_t vmsc_mm_asks(const struct vmsc_mm *mm, const struct vmsc_call *call, struct vmsc_range *asks, size_t max);

/* The copy that a child gets by fork: VM_DONTCOPY VMAs go, locks and userfaultfd are cleared, faulted VMAs are forked. */
int vmsc_mm_fork(struct vmsc_mm *mm) VMSC_MUST_CHECK;

/* exit_mmap: everything goes; told to the listener. */
void vmsc_mm_exit(struct vmsc_mm *mm);

/*
 * Pages in [start, end) are known to be populated, so their page tables exist, up to the highest level. Only what was told
 * here is counted as freed. In VMAs of huge pages there are no PTE tables. -EFAULT where no VMA lies, -ENOMEM.
 */
int vmsc_mm_populate(struct vmsc_mm *mm, uint64_t start, uint64_t end) VMSC_MUST_CHECK;

/* Page tables of @level that are known to exist now. VmPTE counts those of PTE, PMD and PUD, 4 KiB each. */
uint64_t vmsc_mm_tables(const struct vmsc_mm *mm, enum vmsc_table_level level);

/*
 * Which memory that @call unmaps is worth a look, before the call, at whether it is populated. @freed: where PTE tables go, if
 * there are any (empty: none does). @kept: at the ends, where tables stay that are not known to exist; of them no page may be
 * left when they go later. Nothing is asked of a call that makes tables too.
 */
struct vmsc_table_asks {
	struct vmsc_range freed, kept[2];
};
void vmsc_mm_table_asks(const struct vmsc_mm *mm, const struct vmsc_call *call, struct vmsc_table_asks *asks);

/*
 * free_pgd_range(): which page tables go when [start, end) does, with nothing mapped between @floor and @ceiling (0: the top)
 * but what goes. tables[] is filled by level, start == end where there are none.
 */
void vmsc_free_pgd_range(uint64_t start, uint64_t end, uint64_t floor, uint64_t ceiling,
			 struct vmsc_range tables[VMSC_NR_TABLE_LEVELS]);

/* Replaces all VMAs in [start, end) by @nr observed ones (sorted, inside the range). For resolving what was
 * undetermined, and so that one difference is not reported again and again; never called for a prediction. */
int vmsc_mm_adopt(struct vmsc_mm *mm, uint64_t start, uint64_t end, const struct vmsc_vma *vmas, size_t nr)
	VMSC_MUST_CHECK;

/* VMAs in address order. first: the one that contains or follows @addr. False when there is none. */
bool vmsc_mm_find(const struct vmsc_mm *mm, uint64_t addr, struct vmsc_vma *vma); /* contains or follows */
bool vmsc_mm_prev(const struct vmsc_mm *mm, uint64_t addr, struct vmsc_vma *vma); /* the last that ends at or below */
size_t vmsc_mm_map_count(const struct vmsc_mm *mm);
uint64_t vmsc_mm_total_pages(const struct vmsc_mm *mm);

/* Would these adjacent VMAs merge, and if not, why: the question that `why` asks. */
enum vmsc_refusal vmsc_mm_why_apart(const struct vmsc_mm *mm, const struct vmsc_vma *prev, const struct vmsc_vma *next,
				    uint64_t *flag_bits);

/* The invariants: sorted, disjoint, aligned, counts right. 0 or -EINVAL with *what set to a sentence. */
int vmsc_mm_validate(const struct vmsc_mm *mm, const char **what) VMSC_MUST_CHECK;

#ifdef __cplusplus
}
#endif

#endif
