/* SPDX-License-Identifier: MIT */
/* pool.h - pools of huge pages (hugetlb), by /sys/kernel/mm/hugepages. */
#ifndef VMSC_POOL_H
#define VMSC_POOL_H

#include <stdint.h>

/*
 * Bytes that a pool lacks just now for an anonymous mapping of @length bytes with mmap's @flags, which have MAP_HUGETLB;
 * 0: it has them, or need not have them yet (MAP_NORESERVE), or it is not known. The kernel's hugetlb_acct_memory().
 */
uint64_t vmsc_pool_lacks(uint64_t length, uint64_t flags);

#endif
