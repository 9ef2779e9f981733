/* SPDX-License-Identifier: MIT */
/*
 * trial_files.h - the files that trials map: opened by us at fixed descriptors, inherited by every puppet.
 */
#ifndef VMSC_ANALYZER_TRIAL_FILES_H
#define VMSC_ANALYZER_TRIAL_FILES_H

#include <stdbool.h>

#include "vmascope/model.h"

enum {
	VMSC_FILES_MAX = 256,
	VMSC_FILES_FD = 300,	 /* file ID is open at VMSC_FILES_FD + ID, */
	VMSC_FILES_DUP_FD = 600, /* and again, by dup(), at VMSC_FILES_DUP_FD + ID */
	VMSC_FILES_SHM = 1000,	 /* segments of shmat() are numbered from here */
};

struct vmsc_files {
	size_t nr;
	struct vmsc_file file[VMSC_FILES_MAX]; /* as the model is told; inode and device are the real ones */
};

/* Can secret memory be made here? */
bool vmsc_files_have_secret(void);
/* The set with which the fuzzer works; secret memory last, where there is any. */
void vmsc_files_standard(struct vmsc_files *files);
/*
 * Opens them all: a file like each, by kind and mode; what has the inode of an earlier one is that, opened
 * again. Afterwards inodes, devices and kinds are what they really are. False with *why, a constant.
 */
bool vmsc_files_open(struct vmsc_files *files, const char **why);
void vmsc_files_close(const struct vmsc_files *files);

#endif
