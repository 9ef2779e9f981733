/* SPDX-License-Identifier: MIT */
/*
 * vmaform.h - VMAs and their flags in readable form: perms as in maps, flags by smaps' codes.
 */
#ifndef VMSC_ANALYZER_VMAFORM_H
#define VMSC_ANALYZER_VMAFORM_H

#include <jansson.h>
#include <stdbool.h>

#include "vmascope/trace.h"

/* "rw-p"; @perms holds 5 bytes. */
void vmsc_perms_text(uint64_t vm_flags, char *perms);
/* "fe:01"; @text holds 24 bytes. */
void vmsc_dev_text(uint32_t dev_major, uint32_t dev_minor, char *text);
bool vmsc_dev_of_text(const char *text, uint32_t *dev_major, uint32_t *dev_minor);

/* ["rd","wr",…]; bits without a code as hex. The protection key is not in it. */
json_t *vmsc_flags_to_json(uint64_t vm_flags);
bool vmsc_flags_of_json(const json_t *array, uint64_t *vm_flags);
unsigned int vmsc_pkey_of_flags(uint64_t vm_flags);
/* "wr ac" for sentences; the caller frees it. */
char *vmsc_flags_text(uint64_t vm_flags);

/* An observed VMA; @path is its name. */
json_t *vmsc_seen_to_json(const struct vmsc_seen_record *seen, bool flags_known);
/* Fills all but length; *path is to be freed. False with *why set (a constant). */
bool vmsc_seen_of_json(const json_t *object, struct vmsc_seen_record *seen, char **path, size_t *length,
		       bool *flags_known, const char **why);

/* A modelled VMA as the trace of a forked child carries it. */
json_t *vmsc_vma_to_json(const struct vmsc_vma *vma);
bool vmsc_vma_of_json(const json_t *object, struct vmsc_vma *vma);

/* Does @object have only keys of @keys, a list with blanks between? Otherwise *key is the stranger. */
bool vmsc_only_keys(const json_t *object, const char *keys, const char **key);
/* A number that may be left out. False when it is there and no number, or greater than @max. */
bool vmsc_field_u64(const json_t *object, const char *key, uint64_t max, uint64_t *number);
bool vmsc_field_u32(const json_t *object, const char *key, uint32_t *number);

#endif
