/* SPDX-License-Identifier: MIT */
/*
 * fdtable.h - descriptors: our own, and which open file description (file id) stands behind each of the program's that was
 * mapped.
 */
#ifndef VMSC_FDTABLE_H
#define VMSC_FDTABLE_H

#include <stdbool.h>
#include <stdint.h>

#include "vmascope/model.h"

enum vmsc_own_fd {
	VMSC_OWN_FD_TRACE,
	VMSC_OWN_FD_MAPS,
	VMSC_OWN_FD_SMAPS,
	VMSC_OWN_FD_PAGEMAP,
	VMSC_OWN_FD_STATUS,
	VMSC_OWN_FD_PIPE_READ, /* the unwinder's */
	VMSC_OWN_FD_PIPE_WRITE,
	VMSC_NR_OWN_FDS
};

/* The number of one of our descriptors, opened when need be; -errno. */
int vmsc_fd_own(enum vmsc_own_fd which);
int vmsc_fd_peek_own(enum vmsc_own_fd which); /* -1: not open */
void vmsc_fd_set_own(enum vmsc_own_fd which, int fd);
bool vmsc_fd_is_own(int fd);

/* Moves our descriptor away from number @fd, which the program is about to take; without the unwinder's there are no stacks. */
void vmsc_fd_yield(int fd);

/* A forked child: closes the parent's descriptors that it inherited; they are opened anew when asked for. */
void vmsc_fd_forget(void);

/* The same, of one that can't trust what it was copied. */
void vmsc_fd_distrust(void);

/* The file id behind @fd, 0: not known. */
uint32_t vmsc_fd_file(int fd);
void vmsc_fd_set_file(int fd, uint32_t id);

/* Each file id that stands behind a descriptor; one that is duplicated and closed meanwhile may be missed. */
void vmsc_fd_each_file(void (*take)(uint32_t id));

/* The userfaultfd context behind @fd, 0: none. */
uint32_t vmsc_fd_uffd(int fd);
void vmsc_fd_set_uffd(int fd, uint32_t id);

/* [first, last] now mean nothing. */
void vmsc_fd_drop(unsigned int first, unsigned int last);

#endif
