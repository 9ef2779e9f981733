/* SPDX-License-Identifier: MIT */
/*
 * internal.h - what the files of the model share: the VMA as a tree node, the mm, one merge attempt, and the
 * private prototypes by file.
 *
 * Every operation of the kernel that is modelled here is written against these few primitives: set_range,
 * set_flags, insert, erase (mm.c, which keep the counters right), merge (merge.c), split (split.c) and unmap
 * (unmap.c).
 */
#ifndef VMSC_MODEL_INTERNAL_H
#define VMSC_MODEL_INTERNAL_H

#include <errno.h>
#include <limits.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>

#include "vmascope/model.h"

/* clang-format off */
enum { /* x86-64 system calls that can change an address space */
	NR_CLOSE = 3, NR_MMAP = 9, NR_MPROTECT = 10, NR_MUNMAP = 11, NR_BRK = 12, NR_IOCTL = 16, NR_MREMAP = 25,
	NR_MADVISE = 28, NR_SHMAT = 30, NR_CLONE = 56, NR_FORK = 57, NR_SHMDT = 67, NR_MLOCK = 149, NR_MUNLOCK = 150,
	NR_MLOCKALL = 151, NR_MUNLOCKALL = 152, NR_PERSONALITY = 135, NR_PRCTL = 157, NR_IO_SETUP = 206, NR_IO_DESTROY = 207,
	NR_REMAP_FILE_PAGES = 216, NR_MBIND = 237, NR_MLOCK2 = 325, NR_PKEY_MPROTECT = 329, NR_CLONE3 = 435,
	NR_PROCESS_MADVISE = 440, NR_SET_MEMPOLICY_HOME_NODE = 450, NR_MAP_SHADOW_STACK = 453, NR_MSEAL = 462,
};

enum { /* mmap flags */
	MAP_TYPE_ = 0x0f, MAP_SHARED_ = 0x01, MAP_PRIVATE_ = 0x02, MAP_SHARED_VALIDATE_ = 0x03, MAP_DROPPABLE_ = 0x08,
	MAP_FIXED_ = 0x10, MAP_ANONYMOUS_ = 0x20, MAP_32BIT_ = 0x40, MAP_ABOVE4G_ = 0x80, MAP_GROWSDOWN_ = 0x100,
	MAP_LOCKED_ = 0x2000, MAP_NORESERVE_ = 0x4000, MAP_POPULATE_ = 0x8000, MAP_NONBLOCK_ = 0x10000,
	MAP_STACK_ = 0x20000, MAP_HUGETLB_ = 0x40000, MAP_SYNC_ = 0x80000, MAP_FIXED_NOREPLACE_ = 0x100000,
	MAP_HUGE_SHIFT_ = 26, MAP_HUGE_MASK_ = 0x3f,
};

enum { READ_IMPLIES_EXEC_ = 0x0400000, ADDR_NO_RANDOMIZE_ = 0x0040000 }; /* of personality() */

enum { PROT_READ_ = 1, PROT_WRITE_ = 2, PROT_EXEC_ = 4, PROT_SEM_ = 8, PROT_GROWSDOWN_ = 0x01000000,
	PROT_GROWSUP_ = 0x02000000 };

enum { MREMAP_MAYMOVE_ = 1, MREMAP_FIXED_ = 2, MREMAP_DONTUNMAP_ = 4 };
/* clang-format on */

#define PAGE_MASK_  (VMSC_PAGE_SIZE - 1)
#define LOCKED_MASK (VMSC_VM(LOCKED) | VMSC_VM(LOCKONFAULT))
#define DATA_DEFAULT_FLAGS                                                                                   \
	(VMSC_VM(READ) | VMSC_VM(WRITE) | VMSC_VM(MAYREAD) | VMSC_VM(MAYWRITE) | VMSC_VM(MAYEXEC))

/* Ids of files that the recorder did not number (shared anonymous memory of a bare model) begin here. */
#define FIRST_INTERNAL_FILE UINT32_C(0x80000000)

/* Bits of vmsc_file.mode that only the model knows: shared anonymous memory, not a memfd or of a tmpfs; what
 * io_setup() made, in this process or one that it was forked from. */
#define FILE_ANONYMOUS (UINT32_C(1) << 31)
#define FILE_RING      (UINT32_C(1) << 30)

/* A VMA in its place. Neighbours are linked, so that prev and next cost nothing. */
struct vmsc_node {
	struct vmsc_vma vma;
	struct vmsc_node *parent, *left, *right;
	struct vmsc_node *prev, *next;
	uint64_t gap;	  /* the hole below: from the end of prev (or 0) to start */
	uint64_t max_gap; /* the greatest of the subtree */
	int height;
	bool maybe_touched; /* was private and writable at some time: may have an anon_vma that no call showed
			     */
};

/* The page tables that are known to exist (pgtable.c). */
struct vmsc_pgtable {
	struct vmsc_pud_table *puds;
	struct vmsc_p4d_table *p4ds;
	uint64_t nr[VMSC_NR_TABLE_LEVELS];
};

struct vmsc_mm {
	struct vmsc_allocator allocator;
	struct vmsc_mm_config config;
	struct vmsc_node *root, *first, *last;
	struct vmsc_node *latest; /* where the tree changed last, or NULL: programs work there again */
	struct vmsc_node
		*spare; /* topped up before a step, so that no change fails half way; linked by next */
	size_t nr_spare;
	struct vmsc_file *files; /* open addressing by id, a power of two of slots; id 0 is an empty slot */
	size_t nr_files, file_slots;
	struct vmsc_pgtable tables;
	size_t map_count;
	uint64_t total_vm, data_vm, locked_vm; /* pages */
	uint64_t locked_drift; /* pages of locked_vm that no VMA has any more (DONTUNMAP_LOCKED_DRIFT) */
	uint64_t def_flags;
	bool merge_any;	  /* PR_SET_MEMORY_MERGE */
	uint8_t mdwe;	  /* the bits of PR_SET_MDWE; any of them refuses */
	uint32_t persona; /* the task's, which its threads are taken to share */
	uint32_t next_anon_vma, next_file;
	uint32_t files_swept; /* next_file when it was last looked which of the model's own are mapped */
	/* of the running step */
	uint64_t seq;
	uint16_t nr;
	bool dry;	      /* check only, change nothing */
	bool force;	      /* the kernel is known to have accepted: change whatever the checks say */
	bool refused;	      /* the recorded call failed: what it populates ends somewhere */
	bool answered;	      /* the call's result is known */
	bool short_of_memory; /* its result is not known, or may be that of a failed charge */
	bool charged;	      /* memory was to be charged, and how much may be is not known */
	bool contradiction;   /* what was recorded can't be */
	enum vmsc_hidden hidden;
};

/* One merge attempt, as the kernel's vma_merge_struct: a range with the attributes that it shall have. */
struct vmsc_merge {
	enum vmsc_merge_caller caller;
	struct vmsc_node *prev, *middle, *next; /* middle: the VMA that is modified, NULL for a new range */
	uint64_t start, end, pgoff;
	uint64_t vm_flags;
	uint32_t file, anon_vma, policy, uffd, name;
	uint32_t
		traits; /* of the VMA that is copied or modified: VMSC_VMA_FORKED, VMSC_VMA_ANON_VMA_UNSURE */
	enum vmsc_refusal refused[2];
	uint64_t flag_bits[2];
	unsigned int merge_case; /* merge_cases.c; 0: none */
	bool unasked; /* the kernel chose another place than was expected: nobody asked for pages beside it */
	enum vmsc_hidden hidden;
};

enum { LEFT, RIGHT };

/* What a modification changes; everything is set, so start from a VMA's own (vmsc_change_of). */
struct vmsc_change {
	uint64_t vm_flags;
	uint32_t policy, uffd, name;
	bool by_vma_pgoff; /* neighbours are compared as if the range began where its VMA does */
};

/* The VMAs that an unmapping has gathered; they stay in the tree until it completes. */
struct vmsc_gather {
	struct vmsc_node *first, *prev, *next; /* prev and next of what goes, once it is cut out */
	uint64_t start, end;
	uint64_t vmas, pages, accounted_pages, splits;
	bool mm_wr_locked;
	bool clear_ptes; /* page tables are still to be cleared: once, by whoever comes first */
};

/* struct ma_state: an iterator over the mm's tree by address, or over a detached side tree by number. */
struct vmsc_mas {
	const struct vmsc_mm *mm;
	struct vmsc_node *side; /* first of the side tree; NULL: the mm's tree */
	uint64_t nr_side;
	struct vmsc_node *at;
	uint64_t index, last;
	bool active; /* a walk is under way: the next find is for what follows */
};

/* One unmapping under way. */
struct vmsc_unmap_walk {
	struct vmsc_mm *mm;
	struct vmsc_mas mas;
	struct vmsc_unmap_note note;
};

/* A request for a mapping on its way through do_mmap(). */
struct vmsc_mapping {
	uint64_t addr, len, pgoff;
	uint64_t vm_flags;
	uint32_t prot, flags;
	struct vmsc_file file; /* id 0: none */
	uint32_t traits;
	bool fixed;
	bool lacks_pages; /* huge pages: the pool can't give them */
	bool unasked;	  /* as struct vmsc_merge's */
};

/* A search for a place. */
struct vmsc_place {
	uint64_t hint, len, pgoff;
	uint64_t align; /* 0 or a power of two: hugetlb */
	uint64_t low_limit;
	uint32_t flags;	       /* MAP_32BIT, MAP_ABOVE4G, MAP_SHARED */
	struct vmsc_file file; /* id 0: none */
};

static inline uint64_t page_align(uint64_t value)
{
	return (value + PAGE_MASK_) & ~PAGE_MASK_;
}

static inline bool has_rule(const struct vmsc_mm *mm, enum vmsc_rule rule)
{
	return vmsc_has_rule(mm->config.rules, rule);
}

static inline uint64_t pages_of(const struct vmsc_node *node)
{
	return (node->vma.end - node->vma.start) >> VMSC_PAGE_SHIFT;
}

static inline bool is_error(int64_t result)
{
	return result < 0 && result >= -4095;
}

/* What reading brings along: read_implies_exec of the task, as PROT_ and as VM_ bit the same. */
static inline uint64_t exec_of_read(const struct vmsc_mm *mm, uint64_t prot)
{
	return (mm->persona & READ_IMPLIES_EXEC_) && (prot & PROT_READ_) ? PROT_EXEC_ : 0;
}

/* Flags that do not hinder a merge. */
static inline uint64_t ignored_flags(const struct vmsc_mm *mm)
{
	return VMSC_VM(SOFTDIRTY) | (has_rule(mm, VMSC_RULE_STICKY_GUARD) ? VMSC_VM(MAYBE_GUARD) : 0);
}

/* mm.c */
int vmsc_mm_reserve(struct vmsc_mm *mm, size_t nodes) VMSC_MUST_CHECK;
struct vmsc_node *vmsc_node_take(struct vmsc_mm *mm);
void vmsc_node_insert(struct vmsc_mm *mm, struct vmsc_node *node, struct vmsc_node *prev);
void vmsc_node_remove(struct vmsc_mm *mm, struct vmsc_node *node);
void vmsc_node_set_range(struct vmsc_mm *mm, struct vmsc_node *node, uint64_t start, uint64_t end);
void vmsc_node_set_flags(struct vmsc_mm *mm, struct vmsc_node *node, uint64_t vm_flags);
bool vmsc_node_is_anonymous(const struct vmsc_mm *mm, const struct vmsc_node *node);
bool vmsc_node_is_secret(const struct vmsc_mm *mm, const struct vmsc_node *node);
bool vmsc_mm_may_expand(const struct vmsc_mm *mm, uint64_t vm_flags, int64_t pages);
bool vmsc_mm_may_commit(struct vmsc_mm *mm, uint64_t pages);
bool vmsc_mm_may_lock(const struct vmsc_mm *mm, uint64_t vm_flags, uint64_t bytes);
uint64_t vmsc_mm_never_locked(const struct vmsc_mm *mm);
bool vmsc_mm_can_lock(const struct vmsc_mm *mm);
uint64_t vmsc_mm_task_size(const struct vmsc_mm *mm);
void vmsc_outcome_hull(struct vmsc_outcome *out, uint64_t start, uint64_t end);

/* file.c */
struct vmsc_file vmsc_mm_file_of(const struct vmsc_mm *mm, uint32_t id);
bool vmsc_file_has_close_hook(const struct vmsc_mm *mm, const struct vmsc_vma *vma);
uint32_t vmsc_mm_fresh_file(struct vmsc_mm *mm);
struct vmsc_file *vmsc_file_with_ring(struct vmsc_mm *mm, uint64_t context);
void vmsc_file_move_ring(struct vmsc_mm *mm, uint32_t id, uint64_t addr);
void vmsc_file_forget_rings(struct vmsc_mm *mm);
int vmsc_mm_reserve_file(struct vmsc_mm *mm) VMSC_MUST_CHECK;

/* tree.c */
void vmsc_tree_insert(struct vmsc_mm *mm, struct vmsc_node *node, struct vmsc_node *prev);
void vmsc_tree_erase(struct vmsc_mm *mm, struct vmsc_node *node);
void vmsc_tree_moved(struct vmsc_mm *mm, struct vmsc_node *node);
struct vmsc_node *vmsc_tree_find(const struct vmsc_mm *mm, uint64_t addr);
struct vmsc_node *vmsc_tree_prev(const struct vmsc_mm *mm, uint64_t addr);
struct vmsc_node *vmsc_tree_gap_at_or_below(struct vmsc_node *node, uint64_t len);
struct vmsc_node *vmsc_tree_gap_at_or_above(struct vmsc_node *node, uint64_t len);
bool vmsc_tree_is_free(const struct vmsc_mm *mm, uint64_t start, uint64_t end);

/* anon.c */
bool vmsc_anon_unknown(const struct vmsc_node *node);
bool vmsc_anon_possible(const struct vmsc_node *node); /* known, or unknown */
bool vmsc_anon_may_share(const struct vmsc_mm *mm, const struct vmsc_node *prev,
			 const struct vmsc_node *next);
bool vmsc_anon_hangs_on_next(const struct vmsc_mm *mm, const struct vmsc_node *node);
void vmsc_anon_fault(struct vmsc_mm *mm, struct vmsc_node *node);
void vmsc_anon_adopt(struct vmsc_vma *vma, uint32_t anon_vma, uint32_t traits);
int vmsc_anon_populate(struct vmsc_mm *mm, uint64_t start, uint64_t end);

/* merge.c */
struct vmsc_node *vmsc_merge_new_vma(struct vmsc_mm *mm, struct vmsc_merge *merge);
struct vmsc_node *vmsc_merge_modified(struct vmsc_mm *mm, struct vmsc_merge *merge);
enum vmsc_refusal vmsc_merge_refusal(const struct vmsc_mm *mm, struct vmsc_merge *merge, int side);
void vmsc_merge_copy(struct vmsc_merge *merge, const struct vmsc_vma *vma);
bool vmsc_merge_can_join(struct vmsc_merge *merge);
bool vmsc_merge_can_remove(const struct vmsc_mm *mm, const struct vmsc_node *node);
void vmsc_merge_absorb(struct vmsc_mm *mm, struct vmsc_node *target, const struct vmsc_node *part);
void vmsc_merge_absorb_wanted(struct vmsc_mm *mm, struct vmsc_node *target, const struct vmsc_merge *merge);
void vmsc_merge_tell(struct vmsc_mm *mm, const struct vmsc_merge *merge, bool merged);

/* merge_cases.c */
struct vmsc_node *vmsc_merge_by_cases(struct vmsc_mm *mm, struct vmsc_merge *merge);

/* split.c */
struct vmsc_change vmsc_change_of(const struct vmsc_node *node);
/* Bytes of the pages of a VMA of huge pages, otherwise 0. */
uint64_t vmsc_huge_size(const struct vmsc_mm *mm, const struct vmsc_node *node);
int vmsc_split_nolimit(struct vmsc_mm *mm, struct vmsc_node *node, uint64_t addr);
int vmsc_modify(struct vmsc_mm *mm, struct vmsc_node **node, uint64_t start, uint64_t end,
		const struct vmsc_change *change);

/* pgtable.c */
uint64_t vmsc_pgtable_count(const struct vmsc_mm *mm, const struct vmsc_range *tables, unsigned int level);
void vmsc_pgtable_free(struct vmsc_mm *mm, const struct vmsc_range tables[VMSC_NR_TABLE_LEVELS],
		       uint64_t freed[VMSC_NR_TABLE_LEVELS]);
void vmsc_pgtable_move(struct vmsc_mm *mm, uint64_t from, uint64_t to, uint64_t length);
void vmsc_pgtable_discard(struct vmsc_mm *mm, uint64_t start, uint64_t end);
void vmsc_pgtable_forget(struct vmsc_mm *mm);

/* unmap.c */
bool vmsc_is_sealed_within(const struct vmsc_mm *mm, uint64_t start, uint64_t end);
int vmsc_unmap_gather(struct vmsc_mm *mm, uint64_t start, uint64_t end, struct vmsc_gather *gather);
void vmsc_unmap_clear_ptes(struct vmsc_mm *mm, struct vmsc_gather *gather);
void vmsc_unmap_complete(struct vmsc_mm *mm, struct vmsc_gather *gather);
int vmsc_unmap(struct vmsc_mm *mm, uint64_t start, uint64_t end, bool mm_wr_locked);
void vmsc_unmap_failed_mmap(struct vmsc_mm *mm, uint64_t start, uint64_t end);

/* unmap_walk.c */
void vmsc_mas_set(struct vmsc_mas *mas, uint64_t index);
struct vmsc_node *vmsc_mas_find(struct vmsc_mas *mas, uint64_t max);
void vmsc_unmap_zap(struct vmsc_unmap_walk *walk, const struct vmsc_node *node, uint64_t start, uint64_t end,
		    bool mm_wr_locked);
void vmsc_unmap_unlink(struct vmsc_unmap_walk *walk, const struct vmsc_node *node, bool mm_wr_locked);
void vmsc_unmap_free(struct vmsc_unmap_walk *walk, uint64_t start, uint64_t end, uint64_t floor,
		     uint64_t ceiling);
void vmsc_unmap_remove(struct vmsc_unmap_walk *walk, struct vmsc_node *node);

/* unmap_old.c */
void vmsc_unmap_old_clear_ptes(struct vmsc_unmap_walk *walk, const struct vmsc_gather *gather);
void vmsc_unmap_old_failed(struct vmsc_unmap_walk *walk, struct vmsc_node *node, const struct vmsc_node *prev,
			   const struct vmsc_node *next);
void vmsc_unmap_old_exit(struct vmsc_unmap_walk *walk, struct vmsc_node *first);

/* addr.c */
uint64_t vmsc_place_start_gap(const struct vmsc_mm *mm, const struct vmsc_node *node);
int64_t vmsc_place_find(const struct vmsc_mm *mm, const struct vmsc_place *place);

/* mremap.c: where the kernel puts what moves without MREMAP_FIXED, from @node. As vmsc_place_find(). */
int64_t vmsc_mremap_place(const struct vmsc_mm *mm, const struct vmsc_node *node,
			  const struct vmsc_call *call, uint64_t new_len);

/* mmap_check.c: all that depends on flags and file only. 0 with vm_flags and pgoff computed, or the kernel's
 * errno. */
int vmsc_mapping_check(const struct vmsc_mm *mm, struct vmsc_mapping *mapping);
/* What the file's mmap hook says where all checks passed: 0 or an errno. */
int vmsc_mapping_hook_refuses(const struct vmsc_mm *mm, const struct vmsc_mapping *mapping);
bool vmsc_mapping_has_file(const struct vmsc_mapping *mapping);

/* mmap.c */
/* Is a fixed mapping at @addr refused because it lies too low? 0 or -EPERM. */
int vmsc_mm_refuses_low(struct vmsc_mm *mm, uint64_t addr);
int64_t vmsc_do_mmap(struct vmsc_mm *mm, const struct vmsc_call *call, struct vmsc_mapping *mapping,
		     struct vmsc_outcome *out);
uint64_t vmsc_ksm_flag(const struct vmsc_mm *mm, uint64_t vm_flags);

/* The operations: what the kernel answers by the rules, after changing the mm (unless it is dry). */
typedef int64_t vmsc_op_fn(struct vmsc_mm *mm, const struct vmsc_call *call, struct vmsc_outcome *out);

vmsc_op_fn vmsc_op_mmap;				       /* mmap.c */
vmsc_op_fn vmsc_op_map_shadow_stack, vmsc_op_remap_file_pages; /* mapcalls.c */
vmsc_op_fn vmsc_op_io_setup, vmsc_op_io_destroy;	       /* aio.c */
vmsc_op_fn vmsc_op_munmap;				       /* unmap.c */
vmsc_op_fn vmsc_op_brk;					       /* brk.c */
vmsc_op_fn vmsc_op_mprotect;				       /* protect.c */
vmsc_op_fn vmsc_op_madvise, vmsc_op_process_madvise;	       /* madvise.c */
vmsc_op_fn vmsc_op_mlock, vmsc_op_mlockall;		       /* mlock.c */
vmsc_op_fn vmsc_op_mremap;				       /* mremap.c */
vmsc_op_fn vmsc_op_shmat, vmsc_op_shmdt;		       /* shm.c */
vmsc_op_fn vmsc_op_prctl, vmsc_op_personality, vmsc_op_mseal;  /* prctl.c */
vmsc_op_fn vmsc_op_mbind, vmsc_op_home_node;		       /* policy.c */
vmsc_op_fn vmsc_op_ioctl, vmsc_op_close;		       /* uffd.c */

#endif
