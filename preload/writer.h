/* SPDX-License-Identifier: MIT */
/*
 * writer.h - the trace file. Records are built in place in the mapped block and become visible to readers, and to the live
 * model, by vmsc_writer_commit(). Everything here needs the recorder's lock.
 */
#ifndef VMSC_WRITER_H
#define VMSC_WRITER_H

#include <stddef.h>

#include "recorder.h"

/*
 * Whoever shortens the file takes mapped memory away from the program, which SIGBUS ends then. So while it is written not even
 * its owner may open it for writing, but for root; the descriptor that made it may.
 */
#define VMSC_MODE_WRITING 0400
#define VMSC_MODE_DONE 0600

/*
 * Makes the trace file at the names' path, maps its header and first block. 0, or -errno: nothing is recorded then.
 */
int vmsc_writer_start(int fd);

/* Room for a record of @size bytes (head included, rounded up), zeroed, with head filled; NULL: recording has stopped. */
void *vmsc_writer_reserve(enum vmsc_record_type type, size_t size);

/* Publishes the reserved record and feeds it to the live model. */
void vmsc_writer_commit(void);

/* A record whose fixed part is at @fixed and whose tail is text or numbers. */
void vmsc_writer_put(enum vmsc_record_type type, uint16_t flags, const void *fixed, size_t fixed_size, const void *tail,
		     size_t tail_size);

void vmsc_writer_string(enum vmsc_string what, const char *text, size_t length);

/* Writes END and the header's verdict; nothing can follow but vmsc_writer_undo_end(). */
void vmsc_writer_end(enum vmsc_ended ended, int status, const char *why);

/* Cuts the file to what is used, and lets its owner write it, though more may come. */
void vmsc_writer_shrink(void);

/* Takes END back: the exec did not happen. */
void vmsc_writer_undo_end(void);

/* Seals the last block and cuts the file to what is used. */
void vmsc_writer_close(void);

/* Recording ends here: no room, or not allowed any more. */
void vmsc_writer_stop(const char *why);

/* A forked child: the parent's file is none of ours. */
void vmsc_writer_forget(void);

#endif
