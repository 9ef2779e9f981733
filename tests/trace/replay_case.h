/* SPDX-License-Identifier: MIT */
/*
 * replay_case.h - a row of test_replay: what the model has, what happens, and what the kernel shows then.
 *
 * Drawings, operations and exceptions are those of tests/model/layout.h. Two letters mean something here: 'o'
 * is a VMA of the recorder's own, 'v' one that is named [vdso].
 */
#ifndef VMASCOPE_TESTS_REPLAY_CASE_H
#define VMASCOPE_TESTS_REPLAY_CASE_H

#include "vmascope/replay.h"

enum replay_damage {
	REPLAY_SOUND,
	REPLAY_SHORT,	   /* one SEEN record is missing */
	REPLAY_LONG,	   /* one too many */
	REPLAY_UNSORTED,   /* the first VMA once more at the end */
	REPLAY_REVERSED,   /* a VMA that ends where it begins */
	REPLAY_MISALIGNED, /* not made of pages */
	REPLAY_TOO_HIGH,   /* reaches into the kernel's half */
	REPLAY_EMPTY,	   /* the snapshot covers nothing */
	REPLAY_WHEN,	   /* of no known kind */
	REPLAY_ENDLESS,	   /* no SNAPSHOT_END, and then another snapshot, which is sound */
	REPLAY_HEADLESS,   /* SEEN and SNAPSHOT_END alone */
};

struct replay_case {
	const char *name;   /* a sentence of what the row shows */
	const char *before; /* at attach */
	const char *op;	    /* the calls that were recorded */
	const char *after;  /* what the kernel shows then */
	/*
	 * What is told, "; " between: "kind modeled/actual", in pages, an end left out where that view has
	 * nothing; "outside" where no call explains it, otherwise the call. Then "kernel-made N" and
	 * "incomplete".
	 */
	const char *told;
	const char *except;
	const char *left;    /* the model afterwards; NULL: as "after" */
	const char *window;  /* "3+4": the snapshot covers these pages only */
	enum vmsc_when when; /* 0: VMSC_WHEN_EXIT, or with a window VMSC_WHEN_CALL */
	bool maps;	     /* vm_flags are not known, only the access rights */
	bool maps_first;     /* not known at attach, known later */
	bool forked;	     /* "before" comes as VMA records of a parent */
	bool births;	     /* nobody can be asked for the latest call */
	bool strange_files;  /* no FILE record told what the calls' files are */
	enum replay_damage damage;
	const char *later; /* a whole snapshot after that one; what it makes told follows after a "|" */
};

int replay_main(int argc, char **argv, const struct replay_case *cases, size_t nr);

#endif
