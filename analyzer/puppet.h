/* SPDX-License-Identifier: MIT */
/*
 * puppet.h - a process whose address space is ours alone: empty but for two pages at its top, and every
 * system call in it is made by us (ptrace). Nothing runs in it by itself, so that what its maps show is what
 * the calls made.
 *
 *   0x10000 … mmap_base      for the calls
 *   VMSC_PUPPET_FILL …       VMAs that only use up vm.max_map_count
 *   VMSC_PUPPET_STUB         a page of code, a page for what arguments point to
 */
#ifndef VMSC_ANALYZER_PUPPET_H
#define VMSC_ANALYZER_PUPPET_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <sys/types.h>
#include <sys/user.h>

#include "vma_iter.h"
#include "vmascope/trace.h"

#define VMSC_PUPPET_TOP	 ((UINT64_C(1) << 47) - VMSC_PAGE_SIZE)
#define VMSC_PUPPET_STUB (VMSC_PUPPET_TOP - 2 * VMSC_PAGE_SIZE)
#define VMSC_PUPPET_DATA (VMSC_PUPPET_STUB + VMSC_PAGE_SIZE)
/* Above mmap_base, which the stack limit in force at exec puts 513 MiB below the top. */
#define VMSC_PUPPET_FILL  (VMSC_PUPPET_TOP - (UINT64_C(512) << 20))
#define VMSC_PUPPET_STACK (UINT64_C(512) << 20)

enum { VMSC_PUPPET_THREADS = 2, VMSC_PUPPET_BATCH = 16 };

/* One of several things that a puppet does in a row, by itself, and looks at its VMAs after each. */
struct vmsc_puppet_act {
	uint64_t what; /* VMSC_ACT_… */
	uint64_t nr, args[6];
	uint64_t data[4]; /* goes to VMSC_PUPPET_DATA first */
};

enum { VMSC_ACT_CALL, VMSC_ACT_WRITE, VMSC_ACT_READ };

/* What came of it. */
struct vmsc_puppet_done {
	int64_t result;
	uint64_t data; /* the first of what is at VMSC_PUPPET_DATA */
	const struct vmsc_raw_vma *vmas;
	int nr;
};

struct vmsc_puppet {
	pid_t pid;
	pid_t threads[VMSC_PUPPET_THREADS]; /* [0] is pid; 0: not yet begun */
	int mem, smaps, pagemap;
	int iter;			      /* for vma_iter.h, -1: it is looked at by smaps alone */
	struct user_regs_struct regs;	      /* as it began */
	bool acts;			      /* it can do several things in a row */
	const struct vmsc_puppet_done *shown; /* where it is looked at after one of these; NULL: now */
	uint64_t mmap_base;
	bool randomized; /* the machine would not switch off randomisation */
	bool dead;
	bool buried; /* and nothing is left of it: its number may be another's */
	int killed;  /* the signal that it died of, as far as that was seen */
};

/* What begins from here on has the descriptors that are open now. */
void vmsc_puppet_begin(void);
/* @keep_ipc_lock: leave it CAP_IPC_LOCK, if it has that. False with errno, and no process is left. */
bool vmsc_puppet_start(struct vmsc_puppet *puppet, bool keep_ipc_lock);
void vmsc_puppet_end(struct vmsc_puppet *puppet);

/* Does it still stand where it was left? If not, it is dead. */
bool vmsc_puppet_is_there(struct vmsc_puppet *puppet);

/* A system call by thread @thread; the kernel's result as it is. -EFAULT with puppet->dead when it died of
 * it. */
int64_t vmsc_puppet_call(struct vmsc_puppet *puppet, unsigned int thread, uint64_t nr, const uint64_t *args);
/* puppet_batch.c: @nr acts in a row, VMSC_PUPPET_BATCH at most; what came of them holds until the next. Have
 * all been done? */
bool vmsc_puppet_batch(struct vmsc_puppet *puppet, unsigned int thread, const struct vmsc_puppet_act *acts,
		       int nr, struct vmsc_puppet_done *done);
/* Makes it able to, or not: puppet->acts. The log must be open before a puppet begins that shall write to it.
 */
void vmsc_puppet_open_log(void);
bool vmsc_puppet_write_acts(struct vmsc_puppet *puppet); /* the code, once; children have it */
void vmsc_puppet_prepare_acts(struct vmsc_puppet *puppet);
/* puppet.c: a thread goes on with these registers, up to a stop that leaves those. Its signal; 0: it is gone.
 */
int vmsc_puppet_run(struct vmsc_puppet *puppet, unsigned int thread, struct user_regs_struct *regs);
/* A read or write of one byte as a program makes it; -EFAULT where it would die of SIGSEGV or SIGBUS. */
int64_t vmsc_puppet_touch(struct vmsc_puppet *puppet, uint64_t addr, bool write);
/* The same past the page's access rights, as a debugger. */
int64_t vmsc_puppet_poke(struct vmsc_puppet *puppet, uint64_t addr);
/* Bytes into and out of the data page. */
bool vmsc_puppet_put(struct vmsc_puppet *puppet, size_t offset, const void *bytes, size_t size);
bool vmsc_puppet_get(struct vmsc_puppet *puppet, size_t offset, void *bytes, size_t size);

/* fork(): @child is a puppet of its own. Its pid, or -errno. */
int64_t vmsc_puppet_fork(struct vmsc_puppet *puppet, struct vmsc_puppet *child);
/* Begins the second thread; 0 or -errno. */
int64_t vmsc_puppet_thread(struct vmsc_puppet *puppet);
/* One page of every two of the @pages without access at @addr becomes readable: then each is a VMA. */
int64_t vmsc_puppet_stripe(struct vmsc_puppet *puppet, uint64_t addr, uint64_t pages);

/*
 * puppet_look.c: all VMAs that begin below VMSC_PUPPET_FILL, in order, at most @max. How many there are, or
 * -1. With
 * @text both ways are gone, where there are two, and must agree.
 */
int vmsc_puppet_look(struct vmsc_puppet *puppet, bool text, struct vmsc_seen_record *seen, int max);
/* puppet_pages.c: has [start, end) an anonymous page? *addr is the first. */
bool vmsc_puppet_has_page(struct vmsc_puppet *puppet, uint64_t start, uint64_t end, uint64_t *addr);

#endif
