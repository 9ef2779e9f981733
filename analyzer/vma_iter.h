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

/* How process @tid can be asked for VMAs that begin below @end: a descriptor, or -1 where that can't be had.
 */
int vmsc_vma_iter_link(pid_t tid, uint64_t end);
/* Its VMAs, at most @max. How many there are, or -1. */
int vmsc_vma_iter_read(int link, struct vmsc_raw_vma *vmas, int max);

#endif
