/* SPDX-License-Identifier: MIT */
/* module.h - build-ids of the modules that maps show, so that names can be found later and elsewhere. */
#ifndef VMSC_MODULE_H
#define VMSC_MODULE_H

#include "vmascope/trace.h"

/* Tells the build-id of what is mapped at @seen, if it is the beginning of a module that was not told yet. */
void vmsc_module_tell(const struct vmsc_seen_record *seen, const char *name, size_t length);
/* A trace begins: all is to be told again. */
void vmsc_module_forget(void);

#endif
