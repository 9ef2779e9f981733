/* SPDX-License-Identifier: MIT */
/*
 * reach.h - what a process whose root or rights changed can reach no more: the library, which its next image
 * should load, and the folder where its children's traces should go. No descriptor is kept for them: out of a
 * chroot nothing of ours may lead.
 */
#ifndef VMSC_REACH_H
#define VMSC_REACH_H

#include <stdbool.h>
#include <stdint.h>

/* Where our library lies, as the loader was told. */
void vmsc_reach_begin(const char *library);

/* Says what a child that is forked now would not be able to say: that it has no place for its trace. */
void vmsc_reach_before_fork(void);

/* The same for an image that is about to be exec'ed. False: it can't load our library, and its loader would
 * complain. */
bool vmsc_reach_before_exec(uint32_t nr, const uint64_t args[6]);

/* Room for an environment without our library. */
struct vmsc_environment {
	const char *vars[512];
	char preload[1024];
};

/* Changes args[] of an exec to that. Nothing is changed where there is not enough room. */
void vmsc_reach_leave_library(uint32_t nr, uint64_t args[6], struct vmsc_environment *room);

#endif
