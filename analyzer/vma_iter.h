/* SPDX-License-Identifier: MIT */
/*
 * vma_iter.h - the VMAs of a process as the kernel has them, without the text of smaps: a BPF program is run
 * for each (iter/task_vma, Linux 6.1). Many times faster than smaps. Needs CAP_BPF, CAP_PERFMON and the
 * kernel's BTF.
 */
#ifndef VMSC_ANALYZER_VMA_ITER_H
#define VMSC_ANALYZER_VMA_ITER_H

#include <stdbool.h>
#include <stdint.h>
#include <sys/types.h>

/* One vm_area_struct. Pointers are only good to be compared with each other, or with 0. */
struct vmsc_raw_vma {
	uint64_t start, end, pgoff;
	uint64_t raw_flags; /* of this kernel, which has its own numbers for some bits */
	uint64_t anon_vma, file, inode;
};

/* A look reads so much at a time; the first VMA beyond the end fills it up with zeroes, and the kernel stops
 * there. */
enum { VMSC_VMA_CHUNK = 1120 };

/* The program's descriptor, which child processes have too; -1 where there can be none. */
int vmsc_vma_iter_program(uint64_t end);
/* How process @tid can be asked for VMAs that begin below @end: a descriptor, or -1 where that can't be had.
 */
int vmsc_vma_iter_link(pid_t tid, uint64_t end);
/* Its VMAs, at most @max. How many there are, or -1. */
int vmsc_vma_iter_read(int link, struct vmsc_raw_vma *vmas, int max);

#endif
