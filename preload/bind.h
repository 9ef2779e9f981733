/* SPDX-License-Identifier: MIT */
/* bind.h - whose functions the libraries call that were loaded for us. */
#ifndef VMSC_BIND_H
#define VMSC_BIND_H

/*
 * Has the unwinder, and what it needs, call libc's functions and our own only: behind the same names may be a sanitizer's, which
 * make system calls, wait, and allocate. @library: of dlopen(). Needs no lock; no other thread may use the library yet.
 */
void vmsc_bind_to_libc(void *library);

#endif
