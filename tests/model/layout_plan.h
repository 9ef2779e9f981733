/* SPDX-License-Identifier: MIT */
/*
 * layout_plan.h - a parsed row, and the two worlds in which it runs. Private to the harness.
 */
#ifndef VMASCOPE_TESTS_LAYOUT_PLAN_H
#define VMASCOPE_TESTS_LAYOUT_PLAN_H

#include <stdio.h>

#include "vmascope/model.h"

#include "layout.h"

#define LAYOUT_PAGES 64
#define LAYOUT_STEPS 256
/* Above every executable, so that a program break can be put there; below what ASan's allocator and mmap use.
 */
#define LAYOUT_BASE		UINT64_C(0x580000000000)
#define LAYOUT_END		(LAYOUT_BASE + LAYOUT_PAGES * VMSC_PAGE_SIZE)
#define LAYOUT_NR_SYSCALL_MSEAL 462

static inline uint64_t layout_addr(uint64_t page)
{
	return LAYOUT_BASE + page * VMSC_PAGE_SIZE;
}

/* The files that rows can name, each one open file description. */
#define LAYOUT_FILES(X)                                                                                      \
	X(file, SHMEM, READ | VMSC_FILE_WRITE)                                                               \
	X(file2, SHMEM, READ | VMSC_FILE_WRITE)                                                              \
	X(same, SHMEM, READ | VMSC_FILE_WRITE) /* file, opened again */                                      \
	X(ro, SHMEM, READ)                                                                                   \
	X(wo, SHMEM, WRITE)                                                                                  \
	X(sealed, SHMEM, READ | VMSC_FILE_WRITE | VMSC_FILE_SEAL_WRITE)                                      \
	X(zero, DEV_ZERO, READ | VMSC_FILE_WRITE)                                                            \
	X(dir, PLAIN, READ | VMSC_FILE_NO_MMAP)                                                              \
	X(driver, OTHER, READ | VMSC_FILE_WRITE) /* in the model only */

enum layout_file {
	LAYOUT_FILE_none,
#define X(name, kind, mode) LAYOUT_FILE_##name,
	LAYOUT_FILES(X)
#undef X
		LAYOUT_NR_FILES,
	LAYOUT_FILE_SHM = 100, /* segments are numbered from here */
};

struct layout_piece {
	uint64_t start, end; /* pages from LAYOUT_BASE, may lie outside the drawing */
	uint64_t flags;
	uint64_t pgoff;
	uint64_t born;
	uint32_t file, anon_vma, policy, uffd, name;
	int letter; /* a char, without bytes that nobody sets: pieces are compared as memory */
};
_Static_assert(sizeof(struct layout_piece) == 5 * 8 + 6 * 4, "no padding");

struct layout_drawing {
	size_t nr;
	struct layout_piece piece[LAYOUT_PAGES];
};

/* What the exceptions say of one letter. */
struct layout_letter {
	uint64_t flags; /* VM_READ … and everything named */
	uint64_t pgoff;
	uint32_t file, policy, uffd, name;
	bool has_pgoff, shared, shm, account, noreserve, stack;
};

enum layout_step_kind {
	LAYOUT_CALL,
	LAYOUT_FAULT,
	LAYOUT_READ,
	LAYOUT_FORK,
	LAYOUT_EXIT,
	LAYOUT_LIMIT,
};

enum layout_want { LAYOUT_WANT_VALUE, LAYOUT_WANT_ELSEWHERE, LAYOUT_WANT_ANY };

struct layout_step {
	enum layout_step_kind kind;
	struct vmsc_call call;
	uint64_t addr; /* of a fault, or the limit */
	enum layout_want want_kind;
	int64_t want;
};

/* What a row needs and a kernel may lack. */
enum {
	LAYOUT_NEEDS_NAMES = 1,
	LAYOUT_NEEDS_UFFD = 2,
	LAYOUT_NEEDS_NUMA = 4,
	LAYOUT_NEEDS_BRK = 8,
	LAYOUT_NEEDS_SHM = 16,
	LAYOUT_NEEDS_KSM = 32,
	LAYOUT_NEEDS_THP = 64,
	LAYOUT_NEEDS_MODEL = 128,
	LAYOUT_NEEDS_SMALL = 256, /* an address space that can be walked whole: no sanitizer's shadow */
};

struct layout_plan {
	const struct layout_case *row;
	struct layout_letter letters[26];
	struct layout_drawing before, after;
	uint64_t said; /* flags that are compared */
	unsigned int needs;
	uint32_t nr_segments;
	size_t nr, nr_setup;
	struct layout_step step[LAYOUT_STEPS];
	char problem[160]; /* why the row is no row */
};

/* layout.c: 0, or -1 with plan->problem. */
int layout_parse(const struct layout_case *row, struct layout_plan *plan) VMSC_MUST_CHECK;
const char *layout_word_exception(const char *word, struct layout_letter *letter, uint64_t *said,
				  unsigned int *needs);
struct layout_step *layout_push(struct layout_plan *plan, uint16_t nr, uint64_t a, uint64_t b, uint64_t c);
int layout_prot_of(const char *perms); /* -1: no permissions */
struct layout_step *layout_push_mmap(struct layout_plan *plan, uint64_t page, uint64_t nr_pages,
				     const struct layout_letter *letter);

/* layout_ops.c */
int layout_parse_ops(const char *ops, struct layout_plan *plan) VMSC_MUST_CHECK;
const char *layout_advice_name(uint64_t advice);
const char *layout_errno_name(int64_t err);

/* layout_say.c */
void layout_say(FILE *out, const struct layout_step *step);

/* layout_draw.c: compares what a world shows (@seen) with the row's drawing; NULL or a sentence. */
const char *layout_differs(const struct layout_plan *plan, const struct layout_drawing *want,
			   const struct layout_drawing *seen, bool model);
void layout_text(const struct layout_drawing *seen, const struct layout_drawing *like, bool model,
		 char *text);
void layout_perms(uint64_t flags, char *perms);
bool layout_result_ok(const struct layout_step *step, int64_t result);

/* layout_model.c */
struct layout_model {
	struct vmsc_mm *mm;
	struct vmsc_allocator allocator;
	uint64_t allocations, fail_at; /* fail_at 0: never */
	int64_t balance;	       /* bytes that are not freed */
	bool failed;
	uint64_t seq;
	struct vmsc_outcome out; /* of the last call */
	size_t nr_notes;
	struct vmsc_merge_note notes[64];
	char unmaps[512];
};

/* Every row must hold by the other implementations of merging and unmapping too, and for who asks for VMAs
 * only. */
enum layout_way { LAYOUT_WAY_PLAIN, LAYOUT_WAY_OLDER, LAYOUT_WAY_VMAS_ONLY, LAYOUT_NR_WAYS };
extern enum layout_way layout_model_way;

int layout_model_new(struct layout_model *world, vmsc_rules_t rules, uint64_t fail_at);
void layout_model_free(struct layout_model *world);
int layout_model_do(struct layout_model *world, struct layout_step *step, int64_t *result);
void layout_model_see(struct layout_model *world, struct layout_drawing *seen);

/* Runs @plan; 0, or -1 with the sentence in @problem and what was seen last in @seen. */
int layout_model_run(const struct layout_plan *plan, vmsc_rules_t rules, uint64_t fail_at, bool *failed,
		     struct layout_drawing *seen, char *problem, size_t size);

/* layout_vectors.c: the rows as cases of tests/vectors on stdout; NULL where the analyzer is not built. */
__attribute__((weak)) int layout_vectors(const char *table, const struct layout_case *cases, size_t nr);

/* layout_kernel.c */
struct layout_release {
	unsigned int major, minor;
};

struct layout_kernel {
	struct layout_release release;
	vmsc_rules_t rules;
	unsigned int lacks;
};

int layout_kernel_open(struct layout_kernel *kernel); /* -1: this machine cannot run the tests */
int64_t layout_kernel_do(const struct layout_step *step);
int layout_kernel_see(struct layout_drawing *seen);
int layout_kernel_brk(uint64_t addr);
int layout_kernel_child(unsigned int needs);
int layout_kernel_run(const struct layout_plan *plan, struct layout_drawing *seen, char *problem,
		      size_t size);

#endif
