/* SPDX-License-Identifier: MIT */
/*
 * recording.h - one `vmascope record`: what was asked for, the command that runs, and the session it leaves.
 */
#ifndef VMSC_ANALYZER_RECORDING_H
#define VMSC_ANALYZER_RECORDING_H

#include <stdbool.h>
#include <sys/types.h>

/* Where a report goes that nobody wants: nothing is written there, whatever is appended to the name. */
#define VMSC_NO_REPORT "/dev/null"

struct vmsc_recording {
	const char *check, *capture, *stacks, *follow, *tables, *limit; /* NULL: as the environment or the library has it */
	char *trace, *report;			       /* whole patterns; report NULL: none wanted */
	bool keeps_trace;			       /* false: traces lie in the folder */
	char *library;				       /* libvmascope.so */
	char *folder; /* our own, temporary: session file, traces that nobody asked for */
	char *session;
	char *rules;
	char **command;
	pid_t pid;		  /* of the command */
	unsigned int snapshot_at; /* per cent of max_map_count; 0: no reports while it runs */
	pid_t watcher;
	int watcher_end;
};

/* Everything before the command starts. False: said on stderr. */
bool vmsc_recording_prepare(struct vmsc_recording *recording);

/*
 * Runs the command to its end. Returns what waitpid told, or -1 with *failure set to the exit status when it
 * could not be started (said on stderr).
 */
int vmsc_recording_run(struct vmsc_recording *recording, int *failure);

/* Is the process alive that writes this trace? */
bool vmsc_trace_still_grows(const char *trace);

/* Writes the reports that are still wanted, says when nothing was recorded, removes what is temporary. */
void vmsc_recording_finish(struct vmsc_recording *recording);

#endif
