/* SPDX-License-Identifier: MIT */
/* libc.h - libc before its own constructors have run. */
#ifndef VMSC_LIBC_H
#define VMSC_LIBC_H

#include <stdbool.h>

/*
 * Loading a library runs the constructors of everything that it needs, libc's among them, with the arguments that libc has
 * kept: none as yet, and they are not run again. So libc's are run before, with the right ones. False: libc does not know
 * its environment afterwards, and nothing may be loaded.
 */
bool vmsc_libc_begin(int argc, char **argv, char **envp);

#endif
