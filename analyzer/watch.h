/* SPDX-License-Identifier: MIT */
/*
 * watch.h - record --snapshot-at: a process beside the program that reads the traces as they grow, and writes
 * a report when there are many VMAs or a call fails for a limit, while the program runs on.
 */
#ifndef VMSC_ANALYZER_WATCH_H
#define VMSC_ANALYZER_WATCH_H

#include "recording.h"

/* Starts it. False: said on stderr. */
bool vmsc_watch_start(struct vmsc_recording *recording);
/* The program has ended: what is there is read to its end. */
void vmsc_watch_finish(struct vmsc_recording *recording);

/* "80%" or "80". False when it is no share from 1 to 100. */
bool vmsc_watch_parse(const char *text, unsigned int *percent);

#endif
