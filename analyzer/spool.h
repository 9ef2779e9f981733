/* SPDX-License-Identifier: MIT */
/*
 * spool.h - bytes that grow, of which there may be more than memory holds: beyond 64 MiB they lie in a file without a name, and
 * the kernel keeps in memory what there is room for.
 */
#ifndef VMSC_ANALYZER_SPOOL_H
#define VMSC_ANALYZER_SPOOL_H

#include <stdbool.h>
#include <stddef.h>

/* Zeroed, it is empty. */
struct vmsc_spool {
	unsigned char *data; /* moves when it grows */
	size_t room;
	bool in_file;
	int fd; /* of the file */
};

/*
 * Makes room for @size bytes at least; what is new of it may hold anything. The file is made in $TMPDIR, else in /var/tmp; where
 * none can be made all stays in memory. When there is neither memory nor disk the program says so and ends, as vmsc_grow().
 */
void vmsc_spool_grow(struct vmsc_spool *spool, size_t size);
void vmsc_spool_free(struct vmsc_spool *spool);

#endif
