/* SPDX-License-Identifier: MIT */
/*
 * unmapform.h - one unmapping as JSON and as text: who asked for it, its struct unmap_desc, what it freed and
 * split.
 */
#ifndef VMSC_ANALYZER_UNMAPFORM_H
#define VMSC_ANALYZER_UNMAPFORM_H

#include <jansson.h>

#include "vmascope/replay.h"

json_t *vmsc_unmap_json(const struct vmsc_unmap_note *note);
/* All of a trace: report's "unmaps". */
json_t *vmsc_unmaps_json(const struct vmsc_tally *tally);

/*
 * "munmap (call 7) by vms_clear_ptes: 2 VMAs, 12 pages; …" and, indented by @indent on lines of their own,
 * the descriptor's fields. Ends with a newline; the caller frees it.
 */
char *vmsc_unmap_to_text(const struct vmsc_unmap_note *note, const char *indent);
/* What exit_mmap() took down, as one line without a newline; the caller frees it. NULL: there was none. */
char *vmsc_exit_to_text(const struct vmsc_tally *tally);

#endif
